"""Pictures of the setup program, drawn when it is built: the side of the first and last page, the corner of the others, the icon.

Twice the size that Windows shows at 100 %, so that they stay sharp on dense screens. The same sources give the same bytes.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

TOP, BOTTOM, LINE, OK, NG = (13, 33, 55), (28, 74, 112), (120, 170, 210), (64, 190, 120), (230, 90, 80)
SIDE, HEAD, ICON = (328, 628), (300, 114), 256
ICON_SIZES = [(n, n) for n in (16, 24, 32, 48, 64, 128, 256)]


def _ground(width: int, height: int) -> Image.Image:
    picture = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(picture)
    for y in range(height):
        share = y / max(1, height - 1)
        draw.line([(0, y), (width, y)], fill=tuple(round(a + (b - a) * share) for a, b in zip(TOP, BOTTOM, strict=True)))
    return picture


def _mark(draw: ImageDraw.ImageDraw, x: int, y: int, size: int) -> None:
    """A part under the camera: a frame with corners, a circle, and a finding."""
    width, arm = max(1, size // 24), size // 4
    for cx, cy, dx, dy in ((x, y, 1, 1), (x + size, y, -1, 1), (x, y + size, 1, -1), (x + size, y + size, -1, -1)):
        draw.line([(cx, cy + dy * arm), (cx, cy), (cx + dx * arm, cy)], fill="white", width=width, joint="curve")
    inset = size // 5
    draw.ellipse([x + inset, y + inset, x + size - inset, y + size - inset], outline=OK, width=width)
    dot = size // 9
    draw.ellipse([x + size * 11 // 20, y + size * 2 // 5, x + size * 11 // 20 + dot, y + size * 2 // 5 + dot], fill=NG)


def draw(folder: Path) -> dict[str, Path]:
    """Writes side.bmp, head.bmp and setup.ico; name -> path."""
    folder.mkdir(parents=True, exist_ok=True)
    side = _ground(*SIDE)
    pen = ImageDraw.Draw(side)
    _mark(pen, 74, 90, 180)
    pen.text((164, 360), "LNX Edge", fill="white", font=ImageFont.load_default(52), anchor="mm")
    pen.line([(74, 400), (254, 400)], fill=LINE, width=2)
    head = Image.new("RGB", HEAD, "white")
    corner = _ground(90, 90)
    _mark(ImageDraw.Draw(corner), 16, 16, 58)
    head.paste(corner, (HEAD[0] - 102, 12))
    icon = _ground(ICON, ICON)
    _mark(ImageDraw.Draw(icon), 40, 40, 176)
    made = {"side": folder / "side.bmp", "head": folder / "head.bmp", "icon": folder / "setup.ico"}
    side.save(made["side"])
    head.save(made["head"])
    icon.save(made["icon"], sizes=ICON_SIZES)
    return made
