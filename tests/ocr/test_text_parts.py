"""The parts of text reading against OpenCV: outlines, smallest rectangles, growth, means, upright pictures."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import cv2
import numpy as np
from lnx.reference import ocr


def masks(count: int) -> Any:
    rng = np.random.default_rng(0)
    for _ in range(count):
        mask = np.zeros((120, 200), np.uint8)
        for _ in range(rng.integers(1, 7)):
            centre = (float(rng.uniform(10, 180)), float(rng.uniform(10, 110)))
            box = cv2.boxPoints((centre, (rng.uniform(5, 120), rng.uniform(2, 30)), rng.uniform(-30, 30)))
            cv2.fillPoly(mask, [box.astype(np.int32)], 1)
        yield mask & (rng.random(mask.shape) > rng.choice([0, 0, 0.02, 0.3])).astype(np.uint8)


def test_outlines_and_holes_are_those_of_find_contours_in_its_order(testing: ModuleType) -> None:
    seen = 0
    for mask in masks(60):
        contours, _ = cv2.findContours(mask * 255, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        hulls = testing.text_hulls(mask)
        assert len(hulls) == len(contours)
        for contour, hull in zip(contours, hulls, strict=True):
            assert {tuple(p) for p in cv2.convexHull(contour).reshape(-1, 2).tolist()} == set(hull)
        seen += len(hulls)
    assert seen > 3000


def test_rectangles_are_those_of_min_area_rect(testing: ModuleType) -> None:
    rng = np.random.default_rng(1)
    exact = 0
    for _ in range(1500):
        box = cv2.boxPoints(
            (tuple(rng.uniform(60, 400, 2)), (rng.uniform(8, 300), rng.uniform(5, 40)), rng.choice([0, rng.uniform(-40, 40)]))
        )
        points = np.concatenate([box, box + rng.integers(-3, 4, box.shape)]).astype(np.int32)
        theirs, side = ocr._corners(points.reshape(-1, 1, 2))
        own, shorter = testing.text_rectangle(points)
        off = float(np.abs(theirs - np.array(own, np.float32)).max())
        exact += off == 0
        if off > 1e-3:  # two rectangles of the same area: either is right
            sides = [np.linalg.norm(np.array(own[a]) - np.array(own[b])) for a, b in ((0, 1), (1, 2))]
            assert abs(sides[0] * sides[1] - cv2.contourArea(theirs)) < 1e-2
        else:
            assert abs(side - shorter) < 1e-3
    assert exact > 1200


def test_growing_equals_the_plain_twin(testing: ModuleType) -> None:
    rng = np.random.default_rng(2)
    for _ in range(500):
        quad = cv2.boxPoints(
            (tuple(rng.uniform(60, 400, 2)), (rng.uniform(8, 300), rng.uniform(5, 40)), rng.choice([0, rng.uniform(-40, 40)]))
        )
        quad = ocr._corners(quad.reshape(-1, 1, 2))[0]
        assert {tuple(p) for p in ocr.grow(quad, 1.6).tolist()} == set(testing.text_grow(quad, 1.6))
    assert testing.text_grow(np.zeros((4, 2), np.float32), 1.6) == [(0, 0)], "a quad without area stays"


def test_means_inside_a_quadrilateral(testing: ModuleType) -> None:
    rng = np.random.default_rng(3)
    values = rng.random((120, 200)).astype(np.float32)
    for _ in range(300):
        quad = cv2.boxPoints((tuple(rng.uniform(50, 70, 2)), (rng.uniform(5, 80), rng.uniform(3, 30)), rng.uniform(-40, 40)))
        assert abs(ocr._mean_inside(values, quad) - testing.text_mean(values, quad)) < 1e-6


def test_upright_pictures_are_those_of_warp_perspective_bit_for_bit(testing: ModuleType) -> None:
    rng = np.random.default_rng(5)
    picture = cv2.resize(rng.integers(0, 256, (60, 80, 3), np.uint8), (640, 480), interpolation=cv2.INTER_CUBIC)
    for _ in range(40):
        quad = cv2.boxPoints(
            (tuple(rng.uniform(40, 440, 2)), (rng.uniform(30, 300), rng.uniform(10, 50)), rng.choice([0, rng.uniform(-40, 40)]))
        )
        quad = ocr._clockwise(np.round(quad))
        quad = np.clip(quad, 0, [639, 479]).astype(np.float32)
        width = int(max(np.linalg.norm(quad[0] - quad[1]), np.linalg.norm(quad[2] - quad[3])))
        height = int(max(np.linalg.norm(quad[0] - quad[3]), np.linalg.norm(quad[1] - quad[2])))
        target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        matrix = cv2.getPerspectiveTransform(quad, target)
        for image in (picture, np.ascontiguousarray(picture[:, :, 1])):
            expected = cv2.warpPerspective(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC)
            assert np.array_equal(expected, testing.text_upright(image, quad))
