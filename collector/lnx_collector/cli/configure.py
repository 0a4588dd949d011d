"""`lnx collect init` and `check`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from lnx_common.console import USAGE, err, out, print_json
from lnx_common.errors import PlantError

from lnx_collector.cli.messages import say
from lnx_collector.cli.output import reported, table
from lnx_collector.config import load_config
from lnx_collector.contract import SourceContext
from lnx_collector.registry import load_kind
from lnx_collector.runtime.pipeline import Pipeline
from lnx_collector.sinks import SINKS
from lnx_collector.sources import SOURCES, build_source

ConfigArgument = Annotated[Path, typer.Argument(help=say("arg.config"))]
JsonOption = Annotated[bool, typer.Option("--json", help=say("opt.json"))]

HEAD = """\
# Configuration of `lnx collect`.   수집기 설정 파일
# Check: lnx collect check FILE     검사
# Try:   lnx collect probe FILE     시험(저장하지 않음)
# Run:   lnx collect run FILE       실행

[collector]
data = "data"             # where samples are kept   데이터 폴더
http = "127.0.0.1:9620"   # status and Prometheus metrics, this PC only   상태·메트릭 주소

[historian]
max_size = "20GB"         # at most so much on the disk   최대 디스크 사용량
when_full = "delete-oldest"   # or "wait"   가득 찼을 때: 오래된 것 삭제 또는 대기
"""


def sample_text(kinds: list[str]) -> str:
    """A configuration made of the sample of each kind (source or sink). PlantError 602 for an unknown kind."""
    tables = {**SOURCES, **SINKS}
    texts = [HEAD]
    for name in kinds:
        if name not in tables:
            raise PlantError(602, where="--kind", found=f'"{name}"', expected=", ".join(tables))
        texts.append(load_kind(tables, name).sample.read_text(encoding="utf-8"))
    return "\n".join(texts)


def init_command(
    output: Annotated[Path | None, typer.Argument(help=say("arg.output"))] = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", "-k", help=say("opt.kind"))] = None,
    list_kinds: Annotated[bool, typer.Option("--list", help=say("opt.list"))] = False,
) -> None:
    if list_kinds:
        rows = [("source", name) for name in SOURCES] + [("sink", name) for name in SINKS]
        table(("source", "value"), [(say(room), name) for room, name in rows])
        return
    with reported():
        text = sample_text(kind or ["modbus-tcp"])
    if output is None:
        typer.echo(text)
        return
    try:
        with output.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        err.print(f"{output}: {say('exists')}", style="red", markup=False)
        raise typer.Exit(USAGE) from None
    out.print(f"{say('written')}: {output}", markup=False)


def check_command(config: ConfigArgument, as_json: JsonOption = False) -> None:
    with reported(as_json):
        loaded = load_config(config)
        Pipeline(loaded.steps)
        tags = 0
        for source in loaded.sources:
            tags += len(build_source(source, SourceContext(source.name, loaded.data, time.time_ns)).tags())
    counts = (len(loaded.sources), tags, len(loaded.steps), len(loaded.sinks))
    if as_json:
        print_json(dict(zip(("sources", "tags", "steps", "sinks"), counts, strict=True)))
    else:
        out.print(f"{say('good')}: {say('counts').format(*counts)}", markup=False)
