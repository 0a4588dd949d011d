"""`lnx collect export`. Heavy imports inside: see running.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from lnx_common.console import NOT_WELL, err, out, print_json
from lnx_common.errors import PlantError

from lnx_collector.cli.configure import ConfigArgument, JsonOption
from lnx_collector.cli.messages import say
from lnx_collector.cli.output import reported, table
from lnx_collector.config import load_config


def export_command(
    config: ConfigArgument,
    recipe: Annotated[Path | None, typer.Argument(help=say("arg.recipe"))] = None,
    folder: Annotated[Path | None, typer.Argument(help=say("arg.folder"))] = None,
    again: Annotated[Path | None, typer.Option("--again", help=say("opt.again"))] = None,
    sample: Annotated[bool, typer.Option("--sample", help=say("opt.sample"))] = False,
    as_json: JsonOption = False,
) -> None:
    if sample:
        typer.echo((Path(__file__).parents[1] / "dataset" / "sample.toml").read_text(encoding="utf-8"))
        return
    with reported(as_json):
        manifest = _export(config, recipe, folder, again)
    if as_json:
        print_json(manifest)
    else:
        file = manifest["file"]
        out.print(
            f"{say('written')}: {file['name']}  {file['rows']} {say('rows')}, {file['bytes']} B, sha256 {file['sha256'][:16]}…",
            markup=False,
        )
        rows = [
            (c["name"], c["tag"], c["unit"], c["samples"], c.get("missing", ""), c.get("completeness", "")) for c in manifest["columns"]
        ]
        table(("column", "tag", "unit", "samples", "missing", "completeness"), rows)
    if manifest["required_but_missing"]:
        err.print(f"{say('required')}: {', '.join(manifest['required_but_missing'])}", style="yellow", markup=False)
        raise typer.Exit(NOT_WELL)


def _export(config: Path, recipe_path: Path | None, folder: Path | None, again: Path | None) -> dict[str, Any]:
    from lnx_collector.dataset.export import export
    from lnx_collector.dataset.recipe import Recipe, load_recipe
    from lnx_collector.historian import database
    from lnx_collector.historian.reader import Reader
    from lnx_collector.sample import Tag

    loaded = load_config(config)
    if not (loaded.data / database.DATABASE).exists():
        raise PlantError(708, where=str(loaded.data), found="no historian yet")
    last_seq, expected = None, ""
    if again is not None:
        try:
            earlier = json.loads(again.read_text(encoding="utf-8"))
            recipe = Recipe.model_validate(earlier["recipe"])
            last_seq, expected = int(earlier["historian"]["last_seq"]), str(earlier["historian"]["stream"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PlantError(711, where=str(again), found=str(error), expected="a manifest.json of lnx collect export") from error
        folder = folder or recipe_path
    elif recipe_path is None:
        raise PlantError(602, where="lnx collect export", found="-", expected="RECIPE OUT, or --again MANIFEST OUT")
    else:
        recipe = load_recipe(recipe_path)
    if folder is None:
        raise PlantError(602, where="lnx collect export", found="-", expected="a folder for the data set")
    reader = Reader(loaded.data)
    try:
        stream = str(reader.one("SELECT value FROM meta WHERE key = 'stream'")[0])
        if expected and expected != stream:
            raise PlantError(708, where=str(again), found=f"made from historian {expected}", expected=f"this historian is {stream}")
        tags = [Tag(*row) for row in reader.all("SELECT name, source, kind, unit, description FROM tag")]
        return export(reader, tags, stream, recipe, folder, last_seq=last_seq)
    finally:
        reader.close()
