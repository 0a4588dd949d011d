"""Packing says which versions of ONNX Runtime cannot run a graph, and what to do."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import ROOT, TEXTURE_LABELS, Packer, brightness_classifier
from lnx.pack.runtimes import SUPPORTED, VARIABLE, try_runtimes
from onnx import TensorProto, helper, numpy_helper

VERSIONS = [ROOT / ".cache" / f"ort-{version}" for version in ("1.26.0", "1.31.1")]
needs_versions = pytest.mark.skipif(not all(path.is_dir() for path in VERSIONS), reason="dev.py test fetches the versions into .cache")


def cosine_in_double(path: Path) -> Path:
    """A classifier with a cosine in float64 on the way, as RT-DETR's exports have one: 1.26.0 has no kernel for it."""
    brightness_classifier(path)
    model = onnx.load(path)
    graph = model.graph
    last = graph.node[-1]
    last.output[0] = "plain"
    graph.initializer.append(numpy_helper.from_array(np.zeros(2), "zero"))
    graph.node.extend(
        [
            helper.make_node("Cast", ["plain"], ["wide"], to=TensorProto.DOUBLE),
            helper.make_node("Cos", ["wide"], ["cosine"]),
            helper.make_node("Cast", ["cosine"], ["y"], to=TensorProto.FLOAT),
        ]
    )
    onnx.save(model, path)
    return path


@needs_versions
def test_a_graph_that_an_older_version_cannot_run_is_told_with_the_fix(tmp_path: Path) -> None:
    trials = try_runtimes(cosine_in_double(tmp_path / "m.onnx"), {"x": [1, 3, 32, 32]}, VERSIONS)
    old, new = trials
    assert old.version == "1.26.0" and "Cos" in old.error and "float32" in old.fix
    assert new.version == "1.31.1" and new.error == ""
    plain = try_runtimes(brightness_classifier(tmp_path / "n.onnx"), {"x": [1, 3, 32, 32]}, [*VERSIONS, tmp_path])
    assert [bool(trial.error) for trial in plain] == [False, False, True] and "no package" in plain[2].error


@needs_versions
def test_packing_warns_about_versions_that_fail(tmp_path: Path, packed: Packer) -> None:
    _, report = packed(cosine_in_double(tmp_path / "m.onnx"), "classification", TEXTURE_LABELS, runtimes=VERSIONS)
    told = [warning for warning in report.warnings if "1.26.0" in warning]
    assert len(told) == 1 and "cannot run" in told[0] and not any("1.31.1" in warning for warning in report.warnings)


def test_packing_tells_which_supported_versions_ran_the_graphs_and_which_were_not_tried(
    tmp_path: Path, packed: Packer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.metadata import version

    from tools.dev.machine import RUNTIMES

    assert set(SUPPORTED) == set(RUNTIMES)
    monkeypatch.delenv(VARIABLE, raising=False)
    own = version("onnxruntime")
    _, report = packed(brightness_classifier(tmp_path / "m.onnx"), "classification", TEXTURE_LABELS)
    assert f"graphs run on ONNX Runtime {own}" in report.assumptions
    (missing,) = [line for line in report.assumptions if "not tried" in line]
    assert all((name in missing) == (name != own) for name in SUPPORTED)
    assert VARIABLE in missing


@needs_versions
def test_folders_of_the_environment_are_tried_too(tmp_path: Path, packed: Packer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, os.pathsep.join(map(str, VERSIONS)))
    _, report = packed(brightness_classifier(tmp_path / "m.onnx"), "classification", TEXTURE_LABELS)
    assert "graphs run on ONNX Runtime 1.26.0, 1.31.1" in report.assumptions
    assert not any("not tried" in line for line in report.assumptions)
