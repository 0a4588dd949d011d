"""A small recogniser of Hangul that the tests make themselves, from pixels to CTC classes.

Lines of a few syllables are drawn with a font of Debian; windows of them, whitened, teach one layer of random features and a linear layer
over it by least squares (some seconds, the same every time). ``looseness`` is the height of the lines that the detector will cut, in parts
of the size of the font, from and to. The graph takes what PP-OCR's recognisers take: [N, 3, 48, W], values from
-1 to 1, and answers [N, T, C], one column for four pixels; class 0 is the blank, the last one the space.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw, ImageFont

CHARACTERS = sorted(set("검사결과양품불량제조일자온도압력전류완료"))
HEIGHT, WINDOW, STEP, POOL, FEATURES, AXES = 48, 40, 4, 2, 1600, 140
FULL = "검품불"  # from the top to the bottom of the letters of the font
BLANK, SPACE = 0, len(CHARACTERS) + 1
Pixels = Any


def _line(rng: np.random.Generator, font: str, looseness: tuple[float, float]) -> tuple[Pixels, list[tuple[float, float, int]]]:
    """A line at a height of 48 as a detector cuts it: grey values, and each character's middle, half width and class."""
    size = int(rng.integers(24, 42))
    face = ImageFont.truetype(font, size)
    text = "".join(rng.choice(CHARACTERS) if rng.random() > 0.16 else " " for _ in range(12)).strip() or CHARACTERS[0]
    text = " ".join(text.split())
    top, bottom = face.getbbox(FULL)[1::2]  # the height of a line does not follow its letters
    height = rng.uniform(*looseness) * size
    above = (height - (bottom - top)) / 2 + rng.uniform(-0.04, 0.03) * size
    left, right = rng.uniform(-0.05, 0.2, 2) * size
    paper, ink = int(rng.integers(222, 240)), int(rng.integers(20, 45))
    canvas = Image.new("L", (round(face.getlength(text) + left + right), round(height)), paper)
    ImageDraw.Draw(canvas).text((left, above - top), text, font=face, fill=ink)
    drawn = np.array(canvas)
    scale = HEIGHT / drawn.shape[0]
    grey = cv2.resize(drawn, (max(1, round(drawn.shape[1] * scale)), HEIGHT)).astype(np.float32)
    grey += rng.normal(0, rng.uniform(0, 4), grey.shape).astype(np.float32)
    ends = [face.getlength(text[:i]) for i in range(len(text) + 1)]
    cells = []
    for character, begin, end in zip(text, ends, ends[1:], strict=False):
        middle, half = (begin + end) / 2 + left, (end - begin) / 2
        cells.append((middle * scale, half * scale, SPACE if character == " " else CHARACTERS.index(character) + 1))
    return grey / 127.5 - 1, cells


def _examples(font: str, looseness: tuple[float, float], lines: int) -> tuple[Pixels, Pixels]:
    """Pooled windows [n, 24 * 24] and their classes [n]: near the middle the character, towards its ends the blank."""
    rng = np.random.default_rng(5)
    windows, classes = [], []
    for _ in range(lines):
        grey, cells = _line(rng, font, looseness)
        wide = np.pad(grey, ((0, 0), (WINDOW, WINDOW * 2)))  # beyond the line, as RapidOCR pads
        places = [(middle + rng.uniform(-3, 3), kind) for middle, _, kind in cells for _ in range(3 if kind == SPACE else 2)]
        places += [(middle + side * rng.uniform(min(6, half), half), BLANK) for middle, half, _ in cells for side in (-1, 1, 1, -1)]
        places += [(grey.shape[1] + rng.uniform(2, WINDOW), BLANK), (cells[0][0] - cells[0][1] - rng.uniform(0, WINDOW / 2), BLANK)]
        for at, kind in places:
            begin = round(at - WINDOW / 2) + WINDOW
            if begin < 0:
                continue
            cut = wide[:, begin : begin + WINDOW]
            windows.append(cut.reshape(HEIGHT // POOL, POOL, WINDOW // POOL, POOL).mean((1, 3)).ravel())
            classes.append(kind)
    return np.array(windows, np.float32), np.array(classes)


def _taught(font: str, looseness: tuple[float, float]) -> tuple[Pixels, Pixels, Pixels, Pixels]:
    """Weights of the random layer, its offsets, weights and offsets of the linear layer."""
    seen, classes = _examples(font, looseness, 1400)
    rng = np.random.default_rng(6)
    mean = seen.mean(0)
    spread, axes = np.linalg.eigh(np.cov(seen.T))
    whitened = (axes[:, -AXES:] / np.sqrt(spread[-AXES:])).T
    first = (rng.normal(0, 1, (FEATURES, AXES)) @ whitened / np.sqrt(AXES)).astype(np.float32)
    shift = (rng.normal(0, 0.3, FEATURES) - first @ mean).astype(np.float32)
    hidden = np.maximum(seen @ first.T + shift, 0)
    hidden = np.hstack([hidden, np.ones((len(hidden), 1), np.float32)])
    wanted = np.eye(SPACE + 1, dtype=np.float32)[classes]
    square = (hidden.T @ hidden).astype(np.float64) + 0.5 * np.eye(FEATURES + 1)
    weights = np.linalg.solve(square, (hidden.T @ wanted).astype(np.float64)).T.astype(np.float32)
    weights[BLANK, -1] += 0.05  # rather a missing character between two than one too many
    return first, shift, weights[:, :-1], weights[:, -1]


def make_reader(path: Path, font: str, looseness: tuple[float, float]) -> Path:
    """Teaches and writes the graph, without the characters in its metadata: they come from a file of their own."""
    first, shift, last, offset = _taught(font, looseness)
    side = WINDOW // POOL
    weights = {
        "first": first.reshape(FEATURES, 1, HEIGHT // POOL, side),
        "shift": shift,
        "last": 14 * last.reshape(SPACE + 1, FEATURES, 1, 1),  # sharpens: scores near 1 where the classes are clear
        "offset": 14 * offset,
        "two": np.array([2], np.int64),
    }
    margin = side // 2
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["grey"], axes=[1], keepdims=1),
        helper.make_node("AveragePool", ["grey"], ["small"], kernel_shape=[POOL, POOL], strides=[POOL, POOL]),
        helper.make_node("Conv", ["small", "first", "shift"], ["seen"], strides=[1, STEP // POOL], pads=[0, margin, 0, margin - 1]),
        helper.make_node("Relu", ["seen"], ["hidden"]),
        helper.make_node("Conv", ["hidden", "last", "offset"], ["classes"]),
        helper.make_node("Squeeze", ["classes", "two"], ["row"]),
        helper.make_node("Transpose", ["row"], ["columns"], perm=[0, 2, 1]),
        helper.make_node("Softmax", ["columns"], ["y"], axis=2),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, HEIGHT, "W"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "T", SPACE + 1])
    graph = helper.make_graph(nodes, "hangul", [x], [y], [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9), path)
    onnx.checker.check_model(str(path))
    return path
