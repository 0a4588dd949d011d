"""Makes the sample parts of examples/parts: held-out surfaces with and without painted defects, and what was painted.

python examples/train/make_parts.py --output examples/parts
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from surface_defects import LABELS, part


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("examples/parts"))
    parser.add_argument("--count", type=int, default=16)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20)
    truth = {}
    for i in range(options.count):
        image, mask = part("test", rng, defects=(0, 1, 0, 2, 1, 0, 3, 1)[i % 8])
        cv2.imwrite(str(options.output / f"{i:02d}.png"), image)
        truth[f"{i:02d}"] = {"defects": [LABELS[k] for k in sorted(set(mask.ravel().tolist()) - {0})], "pixels": int((mask > 0).sum())}
    (options.output / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
