"""Reading text, written as plainly as numpy and OpenCV allow: find lines, rectify, turn upright, read.

Follows the published course of the PP-OCR family step by step, so that the text is the same as with the trainer's own tools.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lnx.manifest import Cast, Color, Manifest, Normalize, OcrDecode, Scale

Array = NDArray[Any]
Run = Callable[[Array], Array]  # one graph: input tensor -> its first output
MULTIPLE = 32  # sides of the detector's input
SMALLEST = 3  # sides of a line in the map, and in the image


@dataclass(frozen=True)
class Line:
    """One line of text: corners from the top left, clockwise, in the picture that was searched."""

    quad: Array
    box_score: float


def value_ops(ops: list[Any], picture: Array) -> Array:
    """BGR uint8 [H, W, 3] -> float32 [3, H, W] by colour, scale and normalize."""
    values: Array = picture
    for op in ops:
        if isinstance(op, Color):
            values = values[:, :, ::-1] if op.to == "RGB" else values
        elif isinstance(op, Cast):
            values = values.astype(np.float32)
        elif isinstance(op, Scale):
            values = op.apply(values)
        elif isinstance(op, Normalize):
            values = (values - np.array(op.mean, np.float32)) / np.array(op.std, np.float32)
    return np.ascontiguousarray(values.transpose(2, 0, 1), np.float32)


def _to_multiple(value: float) -> int:
    return max(MULTIPLE, round(int(value) / MULTIPLE) * MULTIPLE)


def bring_inside(image: Array, least: int, most: int) -> tuple[Array, float, float]:
    """Scales so that no side is above ``most`` and none below ``least``. Also the factors back, x and y."""
    height, width = image.shape[:2]
    factor_x = factor_y = 1.0
    for limit, long in ((most, True), (least, False)):
        side = max(height, width) if long else min(height, width)
        if (side > limit) if long else (side < limit):
            ratio = limit / side
            size = (_to_multiple(width * ratio), _to_multiple(height * ratio))
            factor_x, factor_y = width / size[0], height / size[1]
            image = np.asarray(cv2.resize(image, size))
            height, width = image.shape[:2]
    return image, factor_x, factor_y


def pad_low(image: Array, ratio: float, least: int) -> tuple[Array, int]:
    """Black bands above and below an image that is very wide or low. Also their height."""
    height, width = image.shape[:2]
    if height > least and (ratio <= 0 or width / height <= ratio):
        return image, 0
    wanted = max(int(width / ratio) if ratio > 0 else 0, least) * 2
    band = int(abs(wanted - height) / 2)
    return np.asarray(cv2.copyMakeBorder(image, band, band, 0, 0, cv2.BORDER_CONSTANT, value=(0, 0, 0))), band


def detector_size(width: int, height: int, limit: str, side: int) -> tuple[int, int]:
    """Width and height of the detector's input."""
    reached = min(width, height) if limit == "min" else max(width, height)
    ratio = side / reached if (reached < side if limit == "min" else reached > side) else 1.0
    return _to_multiple(width * ratio), _to_multiple(height * ratio)


def _corners(points: Array) -> tuple[Array, float]:
    """Corners of the smallest rectangle around points, from the top left, clockwise, and its shorter side."""
    rectangle = cv2.minAreaRect(points)
    found = sorted(cv2.boxPoints(rectangle), key=lambda p: p[0])
    left, right = found[:2], found[2:]
    first, last = (left[0], left[1]) if left[1][1] > left[0][1] else (left[1], left[0])
    second, third = (right[0], right[1]) if right[1][1] > right[0][1] else (right[1], right[0])
    return np.array([first, second, third, last], np.float32), min(rectangle[1])


def _mean_inside(probability: Array, quad: Array) -> float:
    height, width = probability.shape
    low, high = np.floor(quad.min(axis=0)), np.ceil(quad.max(axis=0))
    x1, x2 = int(np.clip(low[0], 0, width - 1)), int(np.clip(high[0], 0, width - 1))
    y1, y2 = int(np.clip(low[1], 0, height - 1)), int(np.clip(high[1], 0, height - 1))
    mask = np.zeros((y2 - y1 + 1, x2 - x1 + 1), np.uint8)
    cv2.fillPoly(mask, [(quad - np.array([x1, y1], np.float32)).astype(np.int32)], 1)
    return float(cv2.mean(probability[y1 : y2 + 1, x1 : x2 + 1], mask)[0])


def grow(quad: Array, ratio: float) -> Array:
    """A convex outline, moved outward by area * ratio / perimeter, with round corners: whole pixels [n, 2].

    Corners become arcs whose chords stay within a quarter of a pixel, as polygon clippers on integers draw them.
    """
    exact = quad.astype(np.float64)
    ahead = np.roll(exact, -1, axis=0)
    area = abs(float(np.sum(exact[:, 0] * ahead[:, 1] - ahead[:, 0] * exact[:, 1]))) / 2
    length = float(np.sum(np.hypot(*(ahead - exact).T)))
    distance = area * ratio / length if length > 0 else 0.0
    points = [p for i, p in enumerate(np.trunc(exact)) if i == 0 or (p != np.trunc(exact)[i - 1]).any()]
    if len(points) > 1 and (points[-1] == points[0]).all():
        points.pop()
    if len(points) < 3 or distance <= 0:
        return np.array(points, np.int32).reshape(-1, 2)
    corners = np.array(points)
    turn = np.roll(corners, -1, axis=0) - corners
    if np.sum(corners[:, 0] * np.roll(corners, -1, axis=0)[:, 1] - np.roll(corners, -1, axis=0)[:, 0] * corners[:, 1]) < 0:
        corners = corners[::-1]
        turn = np.roll(corners, -1, axis=0) - corners
    normals = np.stack([turn[:, 1], -turn[:, 0]], 1) / np.hypot(turn[:, 0], turn[:, 1])[:, None]
    tolerance = min(0.25, distance * 0.25)
    steps = min(math.pi / math.acos(1 - tolerance / distance), distance * math.pi)
    step = 2 * math.pi / steps
    out: list[tuple[float, float]] = []
    for i, corner in enumerate(corners):
        before, after = normals[i - 1], normals[i]
        angle = math.atan2(before[0] * after[1] - before[1] * after[0], float(before @ after))
        count = max(round_half_away(steps / (2 * math.pi) * abs(angle)), 1)
        x, y = before
        for _ in range(count):
            out.append((corner[0] + x * distance, corner[1] + y * distance))
            x, y = x * math.cos(step) - math.sin(step) * y, x * math.sin(step) + y * math.cos(step)
        out.append((corner[0] + after[0] * distance, corner[1] + after[1] * distance))
    return np.array([(round_half_away(px), round_half_away(py)) for px, py in out], np.int32)


def round_half_away(value: float) -> int:
    return int(value - 0.5) if value < 0 else int(value + 0.5)


def find_lines(probability: Array, width: int, height: int, options: OcrDecode) -> list[Line]:
    """Lines in a map of probabilities, in pixels of the searched picture of ``width`` x ``height``; unsorted."""
    d = options.detector
    mask = (probability > d.threshold).astype(np.uint8)
    if d.dilate:
        mask = np.asarray(cv2.dilate(mask, np.ones((2, 2), np.uint8)))
    outlines, _ = cv2.findContours(mask * 255, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    lines = []
    for outline in outlines[: d.max_candidates]:
        quad, side = _corners(outline)
        if side < SMALLEST:
            continue
        score = _mean_inside(probability, quad)
        if score < d.box_threshold:
            continue
        grown = grow(quad, d.unclip)
        if len(grown) == 0:
            continue
        quad, side = _corners(grown.reshape(-1, 1, 2))
        if side < SMALLEST + 2:
            continue
        quad[:, 0] = np.clip(np.round(quad[:, 0] / probability.shape[1] * width), 0, width)
        quad[:, 1] = np.clip(np.round(quad[:, 1] / probability.shape[0] * height), 0, height)
        quad = _clockwise(np.trunc(quad))
        quad[:, 0] = np.trunc(np.clip(quad[:, 0], 0, width - 1))
        quad[:, 1] = np.trunc(np.clip(quad[:, 1], 0, height - 1))
        if int(np.linalg.norm(quad[0] - quad[1])) > SMALLEST and int(np.linalg.norm(quad[0] - quad[3])) > SMALLEST:
            lines.append(Line(quad, score))
    return lines


def _clockwise(quad: Array) -> Array:
    by_x = quad[np.argsort(quad[:, 0], kind="stable")]
    left = by_x[:2][np.argsort(by_x[:2, 1], kind="stable")]
    right = by_x[2:][np.argsort(by_x[2:, 1], kind="stable")]
    return np.array([left[0], right[0], right[1], left[1]], np.float32)


def reading_order(lines: list[Line], gap: int, rule: str) -> list[Line]:
    """From top to bottom, and from left to right within a line of text."""
    ordered = sorted(lines, key=lambda line: (line.quad[0][1], line.quad[0][0])) if rule == "neighbour" else list(lines)
    if rule == "chain":
        ordered = sorted(ordered, key=lambda line: line.quad[0][1])
        groups = np.cumsum([0, *(b.quad[0][1] - a.quad[0][1] >= gap for a, b in pairwise(ordered))])
        place = sorted(range(len(ordered)), key=lambda i: (groups[i], ordered[i].quad[0][0]))
        return [ordered[i] for i in place]
    for i in range(len(ordered) - 1):
        for j in range(i, -1, -1):
            a, b = ordered[j].quad[0], ordered[j + 1].quad[0]
            if not (abs(b[1] - a[1]) < gap and b[0] < a[0]):
                break
            ordered[j], ordered[j + 1] = ordered[j + 1], ordered[j]
    return ordered


def rectify(image: Array, quad: Array) -> Array:
    """A line as an upright picture; a tall one is turned to lie."""
    width = int(max(np.linalg.norm(quad[0] - quad[1]), np.linalg.norm(quad[2] - quad[3])))
    height = int(max(np.linalg.norm(quad[0] - quad[3]), np.linalg.norm(quad[1] - quad[2])))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32), target)
    cut = cv2.warpPerspective(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC)
    return np.asarray(np.rot90(cut) if height / width >= 1.5 else cut)


def fit_width(picture: Array, width: int, height: int, ops: list[Any]) -> Array:
    """Scaled to the height, at most ``width`` wide, zeros at the right: float32 [3, height, width]."""
    scaled = min(width, math.ceil(height * (picture.shape[1] / picture.shape[0])))
    tensor = np.zeros((3, height, width), np.float32)
    tensor[:, :, :scaled] = value_ops(ops, np.asarray(cv2.resize(np.ascontiguousarray(picture), (scaled, height))))
    return tensor


def read_line(probabilities: Array, characters: list[str]) -> tuple[str, list[float], list[int]]:
    """CTC, greedy: text, score per character, and column of each."""
    best = probabilities.argmax(axis=1)
    keep = (best != 0) & np.concatenate([[True], best[1:] != best[:-1]])
    columns = np.flatnonzero(keep)
    text = "".join(characters[best[c] - 1] for c in columns)
    return text, [float(probabilities[c, best[c]]) for c in columns], [int(c) for c in columns]


def split_dictionary(text: str, space: bool) -> list[str]:
    """Characters of a dictionary file: class 1 is its first line."""
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines] + ([" "] if space else [])


def read_text(manifest: Manifest, image: Array, run: Mapping[str, Run], dictionary: str) -> dict[str, Any]:
    """The whole way of one image. ``run`` holds the graphs by their ids.

    Keys: ``texts`` (``text``, ``score``, ``box_score``, ``quad`` in pixels of the image, ``char_scores``, ``char_columns``, ``columns``,
    ``turned``), and ``tensor`` and ``map`` of the detector.
    """
    options = manifest.decode
    assert isinstance(options, OcrDecode)
    bgr = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else np.ascontiguousarray(image[:, :, :3])
    searched, factor_x, factor_y = bring_inside(np.asarray(bgr), options.bounds.min_side, options.bounds.max_side)
    searched, band = pad_low(searched, options.padding.ratio, options.padding.min_height)
    height, width = searched.shape[:2]
    size = detector_size(width, height, options.detector.limit, options.detector.side)
    tensor = value_ops(manifest.pre, np.asarray(cv2.resize(searched, size)))[None]
    probability = run[manifest.graphs[0].id](tensor)[0, 0]
    lines = reading_order(find_lines(probability, width, height, options), options.detector.line_gap, options.detector.line_rule)
    pictures = [rectify(searched, line.quad) for line in lines]
    turned = [False] * len(lines)
    order = sorted(range(len(lines)), key=lambda i: pictures[i].shape[1] / pictures[i].shape[0])
    if options.angle is not None:
        ops = manifest.graph(options.angle.graph).pre or []
        for begin in range(0, len(order), options.angle.batch):
            batch = order[begin : begin + options.angle.batch]
            scores = run[options.angle.graph](np.stack([fit_width(pictures[i], *options.angle.size, ops) for i in batch]))
            for i, row in zip(batch, scores, strict=True):
                turned[i] = bool(row.argmax() == 1 and row[1] > options.angle.threshold)
    pictures = [np.asarray(cv2.rotate(p, cv2.ROTATE_180)) if t else p for p, t in zip(pictures, turned, strict=True)]
    reader = options.reader
    ops = manifest.graph(reader.graph).pre or []
    characters = split_dictionary(dictionary, reader.space)
    texts: list[dict[str, Any] | None] = [None] * len(lines)
    for begin in range(0, len(order), reader.batch):
        batch = order[begin : begin + reader.batch]
        ratio = max([reader.size[0] / reader.size[1], *(pictures[i].shape[1] / pictures[i].shape[0] for i in batch)])
        wide = int(reader.size[1] * ratio)
        wide = next((w for w in reader.widths if w >= wide), reader.widths[-1]) if reader.widths else wide
        output = run[reader.graph](np.stack([fit_width(pictures[i], wide, reader.size[1], ops) for i in batch]))
        for i, row in zip(batch, output, strict=True):
            text, char_scores, columns = read_line(row, characters)
            quad = lines[i].quad.copy()
            quad[:, 1] -= band
            quad = np.clip(quad * np.array([factor_x, factor_y], np.float32), 0, [image.shape[1], image.shape[0]])
            texts[i] = {
                "text": text,
                "score": float(np.mean(char_scores)) if char_scores else 0.0,
                "box_score": lines[i].box_score,
                "quad": quad.tolist(),
                "char_scores": char_scores,
                "char_columns": columns,
                "columns": len(row),
                "turned": turned[i],
            }
    least = manifest.thresholds.score - manifest.thresholds.guard
    found = [text for text in texts if text is not None and text["text"].strip() and text["score"] >= least]
    return {"classes": [], "objects": [], "regions": [], "texts": found, "tensor": tensor, "map": probability}
