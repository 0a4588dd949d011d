"""Fills the manifest, tries the graph on sample images, records goldens, writes the container."""

from __future__ import annotations

import datetime
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec
from numpy.typing import NDArray
from pydantic import ValidationError

from lnx import attribution
from lnx.container import OpenRecipient, PublicInfo, Recipient, write_container
from lnx.errors import LnxError
from lnx.images import find_images, read_image
from lnx.manifest import Crop, Golden, Graph, Manifest, ModelInfo, OcrDecode, Resize
from lnx.pack.gpu_form import add_form
from lnx.pack.graph import GraphFile, read_graph
from lnx.pack.presets import PRESETS, Draft, PresetOptions
from lnx.pack.runtimes import VARIABLE, Trial, folders, try_runtimes, untried
from lnx.pack.stages import Classifier, add_classifier
from lnx.reference import ReferenceModel
from lnx.reference.ocr import split_dictionary

MAX_GOLDENS = 4
Array = NDArray[Any]


@dataclass
class PackReport:
    """What was packed: the manifest, everything that was assumed, warnings, and sizes."""

    output: Path
    manifest: Manifest
    assumptions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    goldens: int = 0
    bytes_written: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {
            "output": str(self.output),
            "model": self.manifest.model.model_dump(),
            "task": self.manifest.task,
            "assumptions": self.assumptions,
            "warnings": self.warnings,
            "goldens": self.goldens,
            "bytes": self.bytes_written,
        }


def load_manifest(source: Manifest | dict[str, Any] | str | Path) -> Manifest:
    """A manifest from a model, a dict or a JSON file. Raises LnxError LNX-218 that names the field."""
    if isinstance(source, Manifest):
        return source
    where = str(source) if isinstance(source, (str, Path)) else "manifest"
    try:
        if isinstance(source, (str, Path)):
            return Manifest.model_validate_json(Path(source).read_bytes())
        return Manifest.model_validate(source)
    except OSError as error:
        raise LnxError(201, found=error.strerror or str(error), expected="a manifest in JSON", where=where) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise LnxError(218, found=f"{first['input']!r}"[:120], expected=first["msg"], where=f"{place} in {where}") from None


def _check_against_graph(described: Graph, graph: GraphFile) -> None:
    """The tensors of the manifest are those of the graph."""
    for kind, said, real in (
        ("input", described.inputs, graph.inputs),
        ("output", described.outputs, graph.outputs),
    ):
        if [(t.name, t.dtype, len(t.shape)) for t in said] != [(t.name, t.dtype, len(t.shape)) for t in real]:
            found = ", ".join(f"{t.name} {t.dtype} {t.shape}" for t in real)
            expected = ", ".join(f"{t.name} {t.dtype} {t.shape}" for t in said)
            raise LnxError(223, found=f"{kind}s {found}", expected=expected, where=str(graph.path))


def _sample_images(images: Sequence[Array | str | Path]) -> list[Array]:
    samples: list[Array] = []
    for item in images:
        if isinstance(item, np.ndarray):
            samples.append(item)
        else:
            samples += [read_image(path) for path in find_images(item)]
    return samples


def _try_graph(manifest: Manifest, model: ReferenceModel, image: Array) -> Any:
    try:
        run = model.run(manifest, image)
    except LnxError:
        raise
    except Exception as error:  # onnxruntime raises its own kinds
        raise LnxError(226, found=str(error).splitlines()[0][:300], expected="a graph that runs", where="sample image") from None
    for output, spec in zip(run.outputs, manifest.graphs[0].outputs, strict=True):
        if not np.isfinite(output.astype(np.float64)).all():
            raise LnxError(502, found=f'NaN or infinity in output "{spec.name}"', expected="finite numbers", where="sample image")
    probabilities = manifest.decode.kind == "classification" and manifest.decode.activation == "none"
    if probabilities and (run.outputs[0].min() < 0 or run.outputs[0].max() > 1):
        raise LnxError(
            223,
            found=f"values {run.outputs[0].min():.3g} .. {run.outputs[0].max():.3g}",
            expected="probabilities, since no activation is left to apply",
            where=f'output "{manifest.graphs[0].outputs[0].name}"',
            fix="give --activation softmax or sigmoid",
        )
    return run


def _record(manifest: Manifest, model: ReferenceModel, images: list[Array], entries: dict[str, bytes]) -> None:
    """Golden images: pixels, input tensor, raw outputs and result of the reference pipeline."""
    formats = {(2, 1): "GRAY8", (2, 2): "GRAY16", (3, 1): "BGR8"}
    for i, image in enumerate(images[:MAX_GOLDENS]):
        pixels = np.ascontiguousarray(image[:, :, :3] if image.ndim == 3 else image)
        run = _try_graph(manifest, model, pixels)
        base = f"golden/{i}"
        good, picture = cv2.imencode(".png", pixels)
        if good:
            entries[f"{base}.png"] = picture.tobytes()
        entries[f"{base}.pixels"] = pixels.tobytes()
        entries[f"{base}.tensor"] = run.tensor.tobytes()
        names = []
        for k, output in enumerate(run.outputs):
            names.append(f"{base}.output{k}")
            entries[names[-1]] = output.astype(np.float32).tobytes()
        found = {key: run.found[key] for key in ("classes", "objects", "regions", "texts") if key in run.found}
        found["classes"] = found["classes"][:100]
        entries[f"{base}.json"] = json.dumps(found).encode()
        manifest.golden.append(
            Golden(
                image=f"{base}.png" if good else "",
                pixels=f"{base}.pixels",
                width=pixels.shape[1],
                height=pixels.shape[0],
                format=formats[(pixels.ndim, pixels.itemsize)],
                tensor=f"{base}.tensor",
                outputs=names,
                result=f"{base}.json",
            )
        )


def _read(path: str | Path, allow_agpl: bool) -> GraphFile:
    graph = read_graph(path)
    if graph.agpl and not allow_agpl:
        raise LnxError(
            223,
            found=f"a model under AGPL: {graph.agpl}",
            expected="a model that a closed product may ship",
            where=str(graph.path),
            fix="use another model, or pack with --allow-agpl if you hold another licence",
        )
    return graph


def _other_graphs(manifest: Manifest, files: Mapping[str, str | Path], allow_agpl: bool) -> dict[str, GraphFile]:
    """The files of every graph after the first, by the ids of the manifest."""
    wanted = {graph.id for graph in manifest.graphs[1:]}
    if wanted != set(files):
        raise LnxError(103, found=f"graphs {sorted(files)}", expected=f"a file for each of {sorted(wanted)}", where="graphs")
    read = {name: _read(path, allow_agpl) for name, path in files.items()}
    for name, graph in read.items():
        _check_against_graph(manifest.graph(name), graph)
    return read


def _dictionary(manifest: Manifest, entries: Mapping[str, bytes] | None) -> str:
    """The dictionary of a recipe that reads text, "" otherwise. LNX-240 when it is missing or does not fit the graph."""
    if not isinstance(manifest.decode, OcrDecode):
        return ""
    reader = manifest.decode.reader
    try:
        text = (entries or {})[reader.dictionary].decode("utf-8")
    except KeyError:
        raise LnxError(240, found=f'no entry "{reader.dictionary}"', expected="the characters of the reader", where="dictionary") from None
    except UnicodeDecodeError:
        raise LnxError(240, found="bytes that are not UTF-8", expected="one character per line", where=reader.dictionary) from None
    classes = manifest.graph(reader.graph).outputs[0].shape[-1]
    characters = split_dictionary(text, reader.space)
    if isinstance(classes, int) and classes != len(characters) + 1:
        raise LnxError(
            240,
            found=f"{len(characters)} characters and the blank: {len(characters) + 1} classes",
            expected=f"{classes} classes, as the graph gives",
            where=reader.dictionary,
        )
    return text


def _with_classifier(manifest: Manifest, classifier: Classifier, allow_agpl: bool) -> tuple[Manifest, list[str]]:
    graph = _read(classifier.model, allow_agpl)
    return add_classifier(
        manifest,
        graph,
        list(classifier.labels),
        classifier.preset_options(),
        on=classifier.on,
        margin=classifier.margin,
        score=classifier.score,
    )


def _trials(manifest: Manifest, files: Sequence[GraphFile], runtimes: Sequence[str | Path]) -> list[Trial]:
    """Each graph on each version. Sides that the graph leaves open are those of the manifest's recipe, the batch 1."""
    told: list[Trial] = []
    for described, one in zip(manifest.graphs, files, strict=True):
        pre = manifest.pre if described.pre is None else described.pre
        size = next((op.size for op in reversed(pre) if isinstance(op, (Resize, Crop)) and op.size is not None), (64, 64))
        sizes = {}
        for spec in described.inputs:
            wide, high = (3, 2) if spec.layout == "NCHW" else (2, 1)
            open_sides = {0: 1, wide: size[0], high: size[1]} if len(spec.shape) == 4 else {0: 1}
            sizes[spec.name] = [side if isinstance(side, int) else open_sides.get(axis, 2) for axis, side in enumerate(spec.shape)]
        told += try_runtimes(one.path, sizes, runtimes)
    return told


def pack(
    model: str | Path,
    output: str | Path,
    *,
    signing_key: ec.EllipticCurvePrivateKey,
    recipients: Sequence[Recipient] | None = None,
    preset: str | None = None,
    manifest: Manifest | dict[str, Any] | str | Path | None = None,
    labels: Sequence[str] = (),
    images: Sequence[Array | str | Path] = (),
    options: PresetOptions | dict[str, Any] | None = None,
    classifier: Classifier | None = None,
    graphs: Mapping[str, str | Path] | None = None,
    extra_entries: Mapping[str, bytes] | None = None,
    name: str | None = None,
    version: str = "1.0.0",
    public: PublicInfo | None = None,
    allow_agpl: bool = False,
    runtimes: Sequence[str | Path] = (),
    gpu_form: bool = True,
    dry_run: bool = False,
    chunk_log2: int = 20,
    progress: Callable[[str, float], None] | None = None,
) -> PackReport:
    """Packs an ONNX file into a container.

    Args:
        model: the ONNX file; external weights beside it are packed too.
        output: the ``.lnx`` file; it appears only when it is complete.
        signing_key: container key (``lnx.container.load_signing_key``).
        recipients: who can open it; None = everybody.
        preset: ``"classification"``, ``"yolox"`` or ``"segmentation"``; or give ``manifest`` (model, dict or JSON file).
        labels: names of the classes, in the order of the model.
        images: sample images (arrays, files or folders); the first four become golden images.
        options: what the preset should know (``PresetOptions``).
        classifier: a second graph that looks at each object of a detector.
        graphs: ONNX files of the graphs after the first, by the ids of ``manifest``.
        extra_entries: files that the manifest names besides the graphs, such as a dictionary.
        runtimes: folders of other ONNX Runtime versions that the graphs are tried on, besides those of LNX_PACK_RUNTIMES; those that fail
            become warnings with the fix. Supported versions that were not tried are told.
        gpu_form: add the form for GPUs (8-bit input, summed-up outputs) when its results are those of the graph.
        dry_run: check everything, write nothing.

    Raises:
        LnxError: LNX-223 when the graph does not fit, LNX-226 when it does not run, LNX-218 for a wrong manifest.
    """
    say = progress or (lambda stage, fraction: None)
    say("read", 0.0)
    graph = _read(model, allow_agpl)
    created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    info = ModelInfo(name=name or Path(model).stem, version=version, created=created, uid=str(uuid.uuid4()))
    assumptions: list[str] = []
    if manifest is not None:
        made = load_manifest(manifest)
    elif preset in PRESETS:
        try:
            chosen = options if isinstance(options, PresetOptions) else PresetOptions.model_validate(options or {})
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise LnxError(103, found=f"{first['input']!r}"[:120], expected=first["msg"], where=f"preset option {place}") from None
        draft = Draft(graph, list(labels), chosen, info)
        try:
            made = PRESETS[preset](draft)
        except ValidationError as error:
            raise LnxError(218, found=str(error.errors()[0]["msg"]), expected="a valid manifest", where=f"preset {preset}") from None
        assumptions = draft.assumptions
    else:
        raise LnxError(103, found=f'preset "{preset}"', expected=", ".join(PRESETS), where="preset", fix="give --preset or --manifest")
    files = dict(graphs or {})
    if classifier is not None:
        made, assumed = _with_classifier(made, classifier, allow_agpl)
        assumptions = assumptions + assumed
        files[made.stages[-1].graph] = classifier.model
    _check_against_graph(made.graphs[0], graph)
    others = _other_graphs(made, files, allow_agpl)

    report = PackReport(Path(output), made, assumptions)
    report.warnings += [f"the model is under AGPL: {one.agpl}" for one in (graph, *others.values()) if one.agpl]
    reference = ReferenceModel(
        graph.path, others={name: one.path for name, one in others.items()}, dictionary=_dictionary(made, extra_entries)
    )
    trials = _trials(made, [graph, *(others[g.id] for g in made.graphs[1:])], folders(runtimes))
    report.warnings += [trial.text() for trial in trials if trial.error]
    ran = sorted({reference.version, *(trial.version for trial in trials)} - {trial.version for trial in trials if trial.error})
    assumptions.append(f"graphs run on ONNX Runtime {', '.join(ran)}")
    missing = untried(reference.version, trials)
    if missing:
        assumptions.append(f"graphs not tried on ONNX Runtime {', '.join(missing)}: --also-runtime FOLDER, or {VARIABLE}")
    entries: dict[str, bytes] = {}
    samples = _sample_images(images)
    if samples:
        say("golden", 0.0)
        _record(made, reference, samples, entries)
    else:
        report.warnings.append("no sample images: the self-test will have nothing to compare with")
        grey = np.full((made.limits.min_height + 255, made.limits.min_width + 255, 3), 114, np.uint8)
        try:
            _try_graph(made, reference, grey)
        except LnxError as error:
            if error.status != 105:
                raise
            report.warnings.append("the graph was not tried, since a grey picture does not fit its recipe")
    if gpu_form:
        pictures = [np.ascontiguousarray(image[:, :, :3] if image.ndim == 3 else image) for image in samples[:MAX_GOLDENS]]
        left_out = add_form(made, graph, reference, {name: one.path for name, one in others.items()}, pictures, entries)
        if left_out:
            report.assumptions.append(f"no form for GPUs: {left_out}")
    report.goldens = len(made.golden)
    made.model.attribution = made.model.attribution or attribution.KOREAN
    packed = {"manifest.json": made.to_json().encode()}
    for described, one in zip(made.graphs, (graph, *(others[g.id] for g in made.graphs[1:])), strict=True):
        packed[described.file] = one.content
        if one.weights is not None:
            packed[described.weights or "weights.bin"] = one.weights
    packed |= {**(extra_entries or {}), **entries}
    if dry_run:
        return report
    identity = public or PublicInfo(
        model_id=made.model.name, version=made.model.version, released=created[:10], title=made.model.title, created_by="lnx pack"
    )
    write_container(
        output,
        entries=packed,
        public=identity,
        signing_key=signing_key,
        recipients=list(recipients) if recipients is not None else [OpenRecipient()],
        chunk_log2=chunk_log2,
        progress=lambda fraction: say("write", fraction),
    )
    report.bytes_written = Path(output).stat().st_size
    return report


def model_digest(path: str | Path) -> str:
    """SHA-256 of a file, to compare an ONNX file with what was packed."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
