"""Image enhancement: denoising, deblurring, super-resolution."""

from __future__ import annotations

from lnx.manifest import EnhancementDecode, Manifest, VerdictRules
from lnx.pack.presets.draft import Draft


def enhancement(draft: Draft) -> Manifest:
    """Enhancement: a picture in, a picture out, at the same size or a multiple. RGB, 1/255, stretched to the input and back."""
    o = draft.options
    channels = draft.channels()

    def picture(shape: list[int | str]) -> bool:
        return len(shape) == 4 and (shape[1] == channels or shape[3] == channels)

    spec = draft.one("image", lambda s: picture(s.shape) and s.dtype == "f32", "[N, C, H, W] with the channels of the input")
    layout = "NCHW" if spec.shape[1] == channels else "NHWC"
    width = draft.size()[0]
    out = draft.side(spec, 3 if layout == "NCHW" else 2)
    scale = o.upscale if o.upscale is not None else 1 if out is None else out // width
    if out is None and o.upscale is None:
        raise draft.refuse(f"an output whose size is open {spec.shape}", "a fixed size, or --set upscale=N (1 = as large as the input)")
    if out is not None and out != width * scale:
        raise draft.refuse(f"an output {out} pixels wide for an input of {width}", f"{width * scale}, a whole multiple")
    if o.upscale is None:
        draft.say("scale", str(scale))
    pre = draft.pre(colour="RGB", scale=1 / 255, mean=[0.0], std=[1.0], resize="stretch")
    order = pre[0].to
    decode = EnhancementDecode(
        scale=scale,
        residual=draft.assume("output is added to the input", o.residual, False),
        layout=layout,
        range=draft.assume("black and white of the output", o.range, (0.0, 1.0)),
        bits=draft.assume("bits of the picture", o.bits, o.depth or 8),
        colour=order,
    )
    return draft.manifest("enhancement", pre, decode, VerdictRules(), 0.5)
