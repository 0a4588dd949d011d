"""`lnx collect pairs`. Heavy imports inside: see running.py."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated

import typer
from lnx_common.console import NOT_WELL, err, out, print_json
from lnx_common.errors import PlantError

from lnx_collector.cli.configure import JsonOption
from lnx_collector.cli.messages import say
from lnx_collector.cli.output import reported


def pairs_command(
    low: Annotated[Path, typer.Argument(help=say("arg.low"))],
    high: Annotated[Path, typer.Argument(help=say("arg.high"))],
    output: Annotated[Path, typer.Argument(help=say("arg.pairs"))],
    as_json: JsonOption = False,
) -> None:
    with reported(as_json):
        from lnx_common.files import write_durably

        from lnx_collector.images.pairs import match

        try:
            found = match(low, high)
        except OSError as error:
            raise PlantError(711, where=str(error.filename), found=error.strerror or str(error), expected="a folder of images") from error
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(["low", "high", "matched_by"])
        writer.writerows((a.name, b.name, "name") for a, b in found.by_name)
        writer.writerows((a.name, b.name, "content") for a, b in found.by_content)
        write_durably(output, b"\xef\xbb\xbf" + text.getvalue().encode())
    alone = [path.name for path in (*found.low_alone, *found.high_alone, *found.unreadable)]
    counts = {"by_name": len(found.by_name), "by_content": len(found.by_content), "alone": alone}
    if as_json:
        print_json(counts)
    else:
        out.print(f"{say('pairs.made')}: {counts['by_name']} + {counts['by_content']}   {output}", markup=False)
        for name in alone:
            err.print(f"{say('alone')}: {name}", markup=False)
    if not (found.by_name or found.by_content):
        raise typer.Exit(NOT_WELL)
