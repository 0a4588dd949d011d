"""`lnx collect status`, `tail`, `query` and `losses`: what is going on, and what is there. Heavy imports inside: see running.py."""

from __future__ import annotations

import http.client
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer
from lnx_common.console import err, out, print_json
from lnx_common.errors import PlantError

from lnx_collector.cli.configure import ConfigArgument, JsonOption
from lnx_collector.cli.messages import say, state
from lnx_collector.cli.output import clock, reported, table
from lnx_collector.config import Config, load_config

if TYPE_CHECKING:
    from lnx_collector.historian.reader import Reader

TagsOption = Annotated[list[str] | None, typer.Option("--tags", "-t", help=say("opt.tags"))]
SinceOption = Annotated[datetime | None, typer.Option("--since", help=say("opt.since"))]
UntilOption = Annotated[datetime | None, typer.Option("--until", help=say("opt.until"))]


def _open(config: Config, path: str, timeout: float | None = 10) -> IO[bytes]:
    """A page of the running collector; ``timeout`` is for each wait for more of it. PlantError 710 when none runs."""
    url = f"http://{config.collector.http}{path}"
    if not config.collector.http:
        raise PlantError(710, where=str(config.path), found='collector.http = ""')
    try:
        answer: IO[bytes] = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=timeout)
    except (urllib.error.URLError, OSError) as error:
        raise PlantError(710, where=url, found=str(getattr(error, "reason", error))) from error
    return answer


def status_command(config: ConfigArgument, as_json: JsonOption = False) -> None:
    with reported(as_json):
        with _open(load_config(config), "/status") as answer:
            found = json.load(answer)
        if as_json:
            print_json(found)
            return
        out.print(f"{say('accepted')}: {found['accepted']}   {found['data']}", markup=False)
        columns = ("state", "samples", "bad", "lost", "time", "error")
        table(("source", *columns), [_row(one, "bad") for one in found["sources"]])
        if found["sinks"]:
            table(("sink", "state", "samples", "behind", "lost", "time", "error"), [_row(one, "behind") for one in found["sinks"]])
        for loss in found["losses"]:
            out.print(f"{say('lost')}: {loss['source']} {loss['tag']} {loss['reason']} {loss['samples']}", markup=False)
        if found["clock_wrong"]:
            err.print(say("clock_wrong"), style="yellow", markup=False)
        if found["trouble"]:
            err.print(found["trouble"], style="red", markup=False)


def _row(one: dict[str, Any], third: str) -> tuple[object, ...]:
    error = (one["error"] or next(iter(one["parts"].values()), "")).split("\n")[0]
    return one["name"], state(one["state"]), one["samples"], one[third], one["lost"], clock(one["last_time"]), error


def tail_command(config: ConfigArgument, tags: TagsOption = None, as_json: JsonOption = False) -> None:
    query = urllib.parse.urlencode([("tags", one) for one in tags or ["*"]])
    with reported(as_json):
        loaded = load_config(config)
        with _open(loaded, f"/tail?{query}", timeout=None) as answer:  # a tag may be silent for long
            try:
                for raw in answer:
                    _show_line(raw, as_json)
            except (OSError, http.client.HTTPException) as error:
                raise PlantError(710, where=loaded.collector.http, found="the collector ended") from error


def _show_line(raw: bytes, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(raw.decode())
        sys.stdout.flush()
        return
    sample = json.loads(raw)
    if "tag" in sample:
        time = clock(sample["source_time"] or sample["server_time"] or sample["receive_time"])
        out.print(f"{time}  {sample['tag']:<40} {sample['value']!s:<16} {sample['quality_name']}", markup=False)


def _nanoseconds(moment: datetime | None, default: int) -> int:
    return default if moment is None else int(moment.timestamp() * 1e9)


def _reader(config: Config) -> Reader:
    from lnx_collector.historian import database
    from lnx_collector.historian.reader import Reader

    if not (config.data / database.DATABASE).exists():
        raise PlantError(708, where=str(config.data), found="no historian yet")
    return Reader(config.data)


def query_command(
    config: ConfigArgument,
    sql: Annotated[
        str, typer.Argument(help=say("arg.sql"))
    ] = "SELECT tag, count(*) AS samples, max(receive_time) AS last FROM samples GROUP BY tag",
    since: SinceOption = None,
    until: UntilOption = None,
    as_json: JsonOption = False,
) -> None:
    with reported(as_json):
        import duckdb

        reader = _reader(load_config(config))
        connection = reader.connect(since=_nanoseconds(since, 0), until=_nanoseconds(until, 2**62))
        try:
            result = connection.sql(sql)
            if as_json:
                for row in result.fetchall():
                    print_json(dict(zip(result.columns, (str(cell) if isinstance(cell, datetime) else cell for cell in row), strict=True)))
            else:
                typer.echo(str(result))
        except duckdb.Error as error:
            raise PlantError(602, where="SQL", found=str(error).split("\n")[0], expected="a query over the table samples") from error
        finally:
            connection.close()
            reader.close()


def losses_command(config: ConfigArgument, since: SinceOption = None, as_json: JsonOption = False) -> None:
    with reported(as_json):
        reader = _reader(load_config(config))
        found = reader.losses(_nanoseconds(since, 0), 100_000)
        reader.close()
    if as_json:
        print_json([loss._asdict() for loss in found])
    elif not found:
        out.print(say("no-losses"))
    else:
        rows = [(loss.source, loss.tag, loss.reason, loss.samples, clock(loss.last_time)) for loss in found]
        table(("source", "tag", "reason", "count", "time"), rows)
