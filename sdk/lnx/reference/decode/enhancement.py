"""Pictures out of the graph, at the image's size times the scale."""

from __future__ import annotations

from typing import Any

import numpy as np

from lnx.errors import LnxError
from lnx.manifest import EnhancementDecode, Manifest
from lnx.reference.decode.common import Array
from lnx.reference.decode.maps import content
from lnx.reference.preprocess import Geometry


def enhancement(
    manifest: Manifest, options: EnhancementDecode, named: dict[str, list[Array]], g: Geometry, tensor: Array
) -> dict[str, Any]:
    picture = named["image"][0][0].astype(np.float32)
    if options.residual:
        picture = picture + tensor[0].astype(np.float32)
    if options.layout == "NCHW":
        picture = picture.transpose(1, 2, 0)
    if picture.shape[:2] != (g.input[1] * options.scale, g.input[0] * options.scale):
        expected = f"{g.input[0] * options.scale} x {g.input[1] * options.scale}"
        raise LnxError(503, found=f"a picture of {picture.shape[1]} x {picture.shape[0]}", expected=expected, where="enhancement")
    size = (g.part[2] * options.scale, g.part[3] * options.scale)
    white = 255 if options.bits == 8 else 65535
    planes = []
    for c in range(picture.shape[2]):
        full = content(picture[:, :, c], g, size)
        scaled = (full - np.float32(options.range[0])) * np.float32(white / (options.range[1] - options.range[0]))
        planes.append(np.rint(np.clip(scaled, 0, white)))
    if len(planes) == 3 and options.colour == "RGB":
        planes.reverse()
    image = np.stack(planes, axis=2).astype(np.uint8 if options.bits == 8 else np.uint16)
    return {"image": image[:, :, 0] if image.shape[2] == 1 else image}
