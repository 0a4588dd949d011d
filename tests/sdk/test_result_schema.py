"""Results follow the published schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import lnx
import numpy as np

SCHEMA = Path(__file__).resolve().parents[2] / "docs/reference/result.schema.json"


def test_a_result_follows_the_published_schema(classifier: Path, keys: tuple[Path, Path]) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    with lnx.Session(classifier, device="cpu", trusted_keys=[keys[1]], events=False) as session:
        told = session.run(np.full((9, 9, 3), 250, np.uint8)).to_dict()
    jsonschema.validate(told, schema)
    told["verdict"] = "MAYBE"
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(told))
