"""Adds a classifier that looks at each object of a detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lnx.manifest import ClassifyStage, Graph, Label, Manifest, ModelInfo
from lnx.pack.graph import GraphFile
from lnx.pack.presets import COLORS, PRESETS, Draft, PresetOptions


@dataclass(frozen=True)
class Classifier:
    """A classifier that looks at the objects of a detector: its ONNX file, class names, and how it looks."""

    model: str | Path
    labels: Sequence[str]
    options: PresetOptions | dict[str, Any] = field(default_factory=dict)
    on: list[str] | None = None
    margin: float = 0.0
    score: Literal["replace", "product"] = "replace"

    def preset_options(self) -> PresetOptions:
        return self.options if isinstance(self.options, PresetOptions) else PresetOptions.model_validate(self.options)


def add_classifier(
    manifest: Manifest,
    graph: GraphFile,
    labels: list[str],
    options: PresetOptions,
    *,
    on: list[str] | None = None,
    margin: float = 0.0,
    score: Literal["replace", "product"] = "replace",
    graph_id: str = "classifier",
) -> tuple[Manifest, list[str]]:
    """The manifest of detector and classifier, and what was assumed about the classifier.

    Args:
        labels: names of the classifier's classes; a name that the detector has too is the same label.
        options: of the preset ``classification``; its ``ok``/``ng`` are not used, since rules look at labels by id.
        on: names of the detector's labels whose objects are looked at; None = all.
        margin: share of the box that is added on every side.
        score: ``"replace"`` or ``"product"``.

    Raises:
        LnxError: LNX-223 when the graph is no classifier of so many classes.
    """
    plain = options.model_copy(update={"ok": None, "ng": None})
    draft = Draft(graph, labels, plain, ModelInfo(name=graph_id, version="1"))
    recipe = PRESETS["classification"](draft)
    known = {label.name: label.id for label in manifest.labels}
    next_id = max(known.values(), default=-1) + 1
    merged = list(manifest.labels)
    for name in labels:
        if name not in known:
            known[name] = next_id
            merged.append(Label(id=next_id, name=name, color=COLORS[next_id % len(COLORS)]))
            next_id += 1
    unknown = [name for name in on or [] if name not in known]
    if unknown:
        raise draft.refuse(f"no label {', '.join(unknown)}", ", ".join(label.name for label in manifest.labels))
    stage = ClassifyStage(
        graph=graph_id,
        on=[known[name] for name in on or []],
        margin=margin,
        activation=recipe.decode.activation,  # type: ignore[union-attr]
        label_ids=[known[name] for name in labels],
        score=score,
    )
    own = recipe.graphs[0]
    second = Graph(
        id=graph_id,
        file=f"{graph_id}.onnx",
        weights=f"{graph_id}.bin" if own.weights else None,
        weights_location=own.weights_location,
        inputs=own.inputs,
        outputs=own.outputs,
        batch=plain.batch or ([1, 2, 4, 8] if isinstance(own.inputs[0].shape[0], str) else [1]),
        pre=recipe.pre,
    )
    document = manifest.model_dump(by_alias=True, exclude_none=True)
    document |= {
        "schema": "1.1",
        "graphs": [*document["graphs"], second.model_dump(exclude_none=True)],
        "labels": [label.model_dump(exclude_none=True) for label in merged],
        "stages": [*document.get("stages", []), stage.model_dump()],
    }
    assumed = [f"{graph_id}: {text}" for text in draft.assumptions if not text.startswith("verdict")]
    return Manifest.model_validate(document), assumed
