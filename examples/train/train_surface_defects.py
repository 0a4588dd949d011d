"""Trains the demo model: a small U-Net that finds scratches, dents and stains. CPU, minutes (18 on two cores).

    python examples/train/train_surface_defects.py --output examples/models

Needs torch (any version from 1.13), onnx, scikit-image, opencv-python-headless. Writes surface_defects.onnx and
surface_defects.json with what was measured on parts that training never saw: IoU per class, recall per defect, false alarms.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from surface_defects import LABELS, SIZE, part
from torch import Tensor, nn


class Block(nn.Module):
    """Two 3 x 3 convolutions, the first one depthwise separable."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class SmallUNet(nn.Module):
    """256 x 256 RGB in 0..1 -> logits of 4 classes."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        w = width
        self.stem = nn.Sequential(nn.Conv2d(3, w, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(w), nn.ReLU(inplace=True))
        self.down1, self.down2, self.down3 = Block(w, 2 * w), Block(2 * w, 4 * w), Block(4 * w, 6 * w)
        self.up2, self.up1 = Block(10 * w, 3 * w), Block(5 * w, 2 * w)
        self.head = nn.Conv2d(2 * w, len(LABELS), 1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        a = self.down1(self.stem(x))
        b = self.down2(self.pool(a))
        c = self.down3(self.pool(b))
        b = self.up2(torch.cat([nn.functional.interpolate(c, scale_factor=2.0, mode="nearest"), b], 1))
        a = self.up1(torch.cat([nn.functional.interpolate(b, scale_factor=2.0, mode="nearest"), a], 1))
        return nn.functional.interpolate(self.head(a), scale_factor=2.0, mode="bilinear", align_corners=False)


def batch_of(split: str, seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Images as RGB in 0..1 and masks."""
    rng = np.random.default_rng(seed)
    pairs = [part(split, rng) for _ in range(count)]
    images = np.stack([image[:, :, ::-1] for image, _ in pairs]).transpose(0, 3, 1, 2).astype(np.float32) / 255
    return torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(np.stack([mask for _, mask in pairs]).astype(np.int64))


def loss_of(logits: Tensor, masks: Tensor, weights: Tensor) -> Tensor:
    """Cross entropy, weighted against the many background pixels, plus the Dice loss of the defect classes."""
    probabilities = logits.softmax(1)[:, 1:]
    truth = nn.functional.one_hot(masks, len(LABELS)).permute(0, 3, 1, 2)[:, 1:].float()
    both = (probabilities * truth).sum((0, 2, 3))
    dice = 1 - (2 * both + 20) / (probabilities.sum((0, 2, 3)) + truth.sum((0, 2, 3)) + 20)
    return nn.functional.cross_entropy(logits, masks, weight=weights) + dice.mean()


def measure(model: nn.Module, parts: int, seed: int) -> dict[str, object]:
    """On held-out parts: IoU per class, share of defects of which at least a fifth was found, findings on parts without defect."""
    both, either = np.zeros(4), np.zeros(4)
    found, total, false_alarms, good = 0, 0, 0, 0
    rng = np.random.default_rng(seed)
    for i in range(parts):
        image, mask = part("test", rng, defects=i % 4)
        tensor = torch.from_numpy(np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255))
        with torch.no_grad():
            guess = model(tensor)[0].argmax(0).numpy()
        for c in range(4):
            both[c] += ((guess == c) & (mask == c)).sum()
            either[c] += ((guess == c) | (mask == c)).sum()
        count, labels, stats, _ = cv2.connectedComponentsWithStats((mask > 0).astype(np.uint8), connectivity=8)
        for k in range(1, count):
            if stats[k, cv2.CC_STAT_AREA] >= 30:
                total += 1
                found += (guess[labels == k] > 0).mean() >= 0.2
        if not mask.any():
            good += 1
            _, _, areas, _ = cv2.connectedComponentsWithStats((guess > 0).astype(np.uint8), connectivity=8)
            false_alarms += int((areas[1:, cv2.CC_STAT_AREA] >= 30).any())
    return {
        "parts": parts,
        "iou": {name: round(float(both[i] / either[i]), 4) for i, name in enumerate(LABELS)},
        "mean_defect_iou": round(float((both[1:] / either[1:]).mean()), 4),
        "defects": total,
        "defect_recall": round(found / total, 4),
        "good_parts": good,
        "good_parts_with_false_alarm": false_alarms,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("examples/models"))
    parser.add_argument("--steps", type=int, default=1100)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    model = SmallUNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=options.steps)
    weights = torch.tensor([0.4, 2.0, 1.5, 1.2])
    begin = time.monotonic()
    for step in range(options.steps):
        images, masks = batch_of("train", options.seed * 1_000_003 + step, options.batch)
        loss = loss_of(model(images), masks, weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 20 == 0 or step + 1 == options.steps:
            print(f"\rstep {step + 1}/{options.steps}  loss {loss.item():.3f}  {time.monotonic() - begin:.0f} s", end="", file=sys.stderr)
    print(file=sys.stderr)
    model.eval()
    report = measure(model, 160, options.seed + 1)
    report["training_seconds"] = round(time.monotonic() - begin)
    report["labels"] = LABELS
    options.output.mkdir(parents=True, exist_ok=True)
    target = options.output / "surface_defects.onnx"
    torch.onnx.export(
        model,
        torch.zeros(1, 3, SIZE, SIZE),
        str(target),
        input_names=["image"],
        output_names=["logits"],
        opset_version=16,
        dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}},
    )
    report["onnx_bytes"] = target.stat().st_size
    (options.output / "surface_defects.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
