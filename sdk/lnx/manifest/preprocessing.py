"""The ops that turn an image into the input of a model: an ordered list, each op with everything that its result depends on."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lnx.manifest.part import Part, Side


class Color(Part):
    """Channel order. Colour to gray as OpenCV (BT.601); gray to colour by replication."""

    op: Literal["color"] = "color"
    to: Literal["RGB", "BGR", "GRAY"]


class Crop(Part):
    """Cuts a centred or a fixed rectangle."""

    op: Literal["crop"] = "crop"
    mode: Literal["center", "rect"] = "center"
    size: tuple[Side, Side] | None = Field(None, description="[width, height], mode center")
    rect: tuple[int, int, int, int] | None = Field(None, description="[x, y, width, height], mode rect")
    rounding: Literal["floor", "half_even"] = "floor"

    @model_validator(mode="after")
    def _has_size(self) -> Crop:
        if (self.mode == "center") != (self.size is not None) or (self.mode == "rect") != (self.rect is not None):
            raise ValueError("mode center needs size, mode rect needs rect")
        return self


class Resize(Part):
    """Scales; a letterbox also pads to the size."""

    op: Literal["resize"] = "resize"
    mode: Literal["stretch", "short_side", "keep_ratio", "letterbox"]
    size: tuple[Side, Side] = Field(description="[width, height]; short_side uses the first / [너비, 높이]")
    interp: Literal["nearest", "linear", "cubic", "area"]
    lib: Literal["opencv", "pil"] = Field("opencv", description="whose resize, bit for bit; pil is antialiased")
    antialias: bool | None = None
    scale_up: bool = Field(True, description="false: never enlarge / 확대 안 함")
    rounding: Literal["round", "floor"] = "round"
    anchor: Literal["center", "top_left"] = "center"
    back: Literal["ratio", "size"] = Field(
        "ratio", description="results return by the ratio, or per axis by the rounded size (mmdetection) / 결과 좌표 환산 기준"
    )
    pad: list[Annotated[int, Field(ge=0, le=255)]] = Field(
        default=[114, 114, 114], description="letterbox colour in the order at this point"
    )

    @model_validator(mode="after")
    def _exact(self) -> Resize:
        if self.antialias is None:
            self.antialias = self.lib == "pil"
        if self.antialias != (self.lib == "pil"):
            raise ValueError("antialias is true with lib pil and false with lib opencv")
        if len(self.pad) not in (1, 3):
            raise ValueError("pad has 1 or 3 numbers")
        return self


class Cast(Part):
    """From 8-bit integers to the type of the input."""

    op: Literal["cast"] = "cast"
    to: Literal["f32", "f16", "u8"] = "f32"


class Scale(Part):
    """x * mul, or x / div, in float32: they round otherwise, and the projects that train models differ in it."""

    op: Literal["scale"] = "scale"
    mul: float | None = None
    div: float | None = Field(None, ge=1e-6, le=1e6)

    @model_validator(mode="after")
    def _one_of_them(self) -> Scale:
        if (self.mul is None) == (self.div is None):
            raise ValueError("give mul or div")
        return self

    def apply(self, values: NDArray[Any]) -> NDArray[Any]:
        """The op on float32 values."""
        return np.asarray(values / np.float32(self.div) if self.mul is None else values * np.float32(self.mul))


class Normalize(Part):
    """(x - mean) / std, in float32; 1 or 3 values."""

    op: Literal["normalize"] = "normalize"
    mean: list[float] = Field(min_length=1, max_length=3)
    std: list[Annotated[float, Field(gt=0)]] = Field(min_length=1, max_length=3)


class Layout(Part):
    """Order of the axes."""

    op: Literal["layout"] = "layout"
    to: Literal["NCHW", "NHWC"] = "NCHW"


PreOp = Annotated[Color | Crop | Resize | Cast | Scale | Normalize | Layout, Field(discriminator="op")]
