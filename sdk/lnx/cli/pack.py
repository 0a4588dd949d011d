"""``lnx pack``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from lnx.cli.messages import say
from lnx.cli.output import out, print_json, reported
from lnx.cli.progress import progress_bar
from lnx.container import FamilyRecipient, OpenRecipient, Recipient, load_family_keys, load_signing_key
from lnx.errors import LnxError


def _options(settings: list[str], size: str | None) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for setting in settings:
        name, separator, value = setting.partition("=")
        if not separator:
            raise LnxError(103, found=f'"{setting}"', expected="NAME=VALUE", where="--set")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value.split(",") if name in ("ok", "ng") else value
        if name in ("ok", "ng") and isinstance(options[name], str):
            options[name] = [options[name]]
    if size:
        width, _, height = size.lower().partition("x")
        if not (width.isdigit() and height.isdigit()):
            raise LnxError(103, found=f'"{size}"', expected="WIDTHxHEIGHT, e.g. 640x640", where="--size")
        options["size"] = (int(width), int(height))
    return options


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _widths(text: str) -> list[int]:
    if not all(part.strip().isdigit() for part in text.split(",") if text):
        raise LnxError(103, found=f'"{text}"', expected="widths in pixels, e.g. 320,480,640,960", where="--widths")
    return [int(part) for part in text.split(",") if text]


def _files(settings: list[str]) -> dict[str, Path]:
    files = {}
    for setting in settings:
        name, separator, path = setting.partition("=")
        if not separator:
            raise LnxError(103, found=f'"{setting}"', expected="ID=FILE", where="--graph")
        files[name] = Path(path)
    return files


def pack_command(
    model: Annotated[Path, typer.Argument(help=say("arg.onnx"))],
    output: Annotated[Path, typer.Argument(help=say("arg.output"))],
    key: Annotated[Path, typer.Option("--key", help=say("opt.key"))],
    preset: Annotated[str | None, typer.Option("--preset", help=say("opt.preset"))] = None,
    manifest: Annotated[Path | None, typer.Option("--manifest", help=say("opt.manifest"))] = None,
    labels: Annotated[str, typer.Option("--labels", help=say("opt.labels"))] = "",
    size: Annotated[str | None, typer.Option("--size", help=say("opt.size"))] = None,
    images: Annotated[list[Path] | None, typer.Option("--images", help=say("opt.images"))] = None,
    classify: Annotated[Path | None, typer.Option("--classify", help=say("opt.classify"))] = None,
    classify_labels: Annotated[str, typer.Option("--classify-labels", help=say("opt.classify-labels"))] = "",
    classify_on: Annotated[str, typer.Option("--classify-on", help=say("opt.classify-on"))] = "",
    classify_settings: Annotated[list[str] | None, typer.Option("--classify-set", help=say("opt.classify-set"))] = None,
    margin: Annotated[float, typer.Option("--classify-margin", help=say("opt.classify-margin"))] = 0.0,
    graphs: Annotated[list[str] | None, typer.Option("--graph", help=say("opt.graph"))] = None,
    rapidocr: Annotated[bool, typer.Option("--from-rapidocr", help=say("opt.rapidocr"))] = False,
    anomalib: Annotated[bool, typer.Option("--from-anomalib", help=say("opt.anomalib"))] = False,
    paddle: Annotated[bool, typer.Option("--from-paddle", help=say("opt.paddle"))] = False,
    widths: Annotated[str, typer.Option("--widths", help=say("opt.widths"))] = "",
    settings: Annotated[list[str] | None, typer.Option("--set", help=say("opt.set"))] = None,
    family: Annotated[Path | None, typer.Option("--family", help=say("opt.family"))] = None,
    open_to_all: Annotated[bool, typer.Option("--open", help=say("opt.open"))] = False,
    name: Annotated[str | None, typer.Option("--name", help=say("opt.model-name"))] = None,
    version: Annotated[str, typer.Option("--version", help=say("opt.version"))] = "1.0.0",
    password: Annotated[str | None, typer.Option("--password", help=say("opt.password"))] = None,
    allow_agpl: Annotated[bool, typer.Option("--allow-agpl", help=say("opt.agpl"))] = False,
    also_runtime: Annotated[list[Path] | None, typer.Option("--also-runtime", help=say("opt.also-runtime"))] = None,
    no_gpu_form: Annotated[bool, typer.Option("--no-gpu-form", help=say("opt.no-gpu-form"))] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=say("opt.dry"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=say("opt.json"))] = False,
) -> None:
    with reported(as_json):
        from lnx.pack import Classifier, Export, pack, read_anomalib, read_paddle
        from lnx.pack.rapidocr import read_rapidocr

        recipients: list[Recipient] = [FamilyRecipient(*entry) for entry in load_family_keys(family)] if family else []
        if open_to_all or not recipients:
            recipients.append(OpenRecipient())
        recipe = read_rapidocr(str(model), name=name, version=version, widths=_widths(widths)) if rapidocr else None
        if rapidocr + anomalib + paddle > 1:
            raise LnxError(103, found="several --from-...", expected="one", where="lnx pack")
        export: Export | None = read_anomalib(model) if anomalib else read_paddle(model) if paddle else None
        with progress_bar(output.name, as_json) as progress:
            report = pack(
                recipe.detector if recipe else export.model if export else model,
                output,
                signing_key=load_signing_key(key, password),
                recipients=recipients,
                preset=preset or (export.preset if export else None),
                manifest=recipe.manifest if recipe else manifest,
                labels=_names(labels) or (export.labels if export else []),
                images=list(images or []),
                options={**(export.options if export else {}), **_options(settings or [], size)},
                classifier=Classifier(
                    classify, _names(classify_labels), _options(classify_settings or [], None), _names(classify_on) or None, margin
                )
                if classify
                else None,
                graphs=recipe.graphs if recipe else _files(graphs or []),
                extra_entries=recipe.entries if recipe else None,
                name=name,
                version=version,
                allow_agpl=allow_agpl,
                runtimes=list(also_runtime or []),
                gpu_form=not no_gpu_form,
                dry_run=dry_run,
                progress=progress,
            )
        if recipe or export:
            report.assumptions = (recipe or export).assumptions + report.assumptions  # type: ignore[union-attr]
        if as_json:
            print_json(report.to_dict())
            return
        for assumption in report.assumptions:
            out.print(f"{say('assumed')}  {assumption}", markup=False)
        for warning in report.warnings:
            out.print(f"{say('warning')}  {warning}", style="yellow", markup=False)
        verb = say("would-pack" if dry_run else "packed")
        out.print(f"{verb}  {output}  ({report.bytes_written / 1e6:.2f} MB, {report.goldens} golden)", style="green", markup=False)
