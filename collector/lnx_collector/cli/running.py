"""`lnx collect probe` and `run`. What takes long to import is imported when it is needed: `lnx --help` imports this module."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Annotated

import typer
from lnx_common.console import NOT_WELL, err, print_json
from lnx_common.errors import PlantError
from lnx_common.text import language

from lnx_collector.cli.configure import ConfigArgument, JsonOption
from lnx_collector.cli.messages import say
from lnx_collector.cli.output import reported, show_samples
from lnx_collector.config import Config, load_config
from lnx_collector.contract import Seen, SourceContext, SourceSettings
from lnx_collector.runtime.loop import run_async
from lnx_collector.sample import Sample, Tag
from lnx_collector.sources import build_source

SourceOption = Annotated[list[str] | None, typer.Option("--source", "-s", help=say("opt.source"))]
WaitOption = Annotated[float, typer.Option("--wait", help=say("opt.wait"), min=0.1)]


def probe_command(config: ConfigArgument, source: SourceOption = None, wait: WaitOption = 10.0, as_json: JsonOption = False) -> None:
    with reported(as_json):
        loaded = load_config(config)
        chosen = [one for one in loaded.sources if not source or one.name in source]
        seen = run_async(_probe_all(loaded, chosen, wait))
    tags = [tag for one_tags, _, _ in seen for tag in one_tags]
    latest = {name: sample for _, one, _ in seen for name, sample in one.latest().items()}
    errors = [error for _, one, failure in seen for error in ([failure] if failure else []) + list(one.troubles.values())]
    _show(tags, latest, errors, as_json)


async def _probe_all(config: Config, chosen: Sequence[SourceSettings], wait: float) -> list[tuple[list[Tag], Seen, PlantError | None]]:
    return await asyncio.gather(*(_probe(config, one, wait) for one in chosen))


async def _probe(config: Config, settings: SourceSettings, wait: float) -> tuple[list[Tag], Seen, PlantError | None]:
    """Runs one source until each of its tags has a value, or ``wait`` is over."""
    source = build_source(settings, SourceContext(settings.name, config.data, time.time_ns))
    tags, seen = list(source.tags()), Seen()
    task = asyncio.create_task(source.run(seen))
    deadline = time.monotonic() + wait
    failure = None
    while time.monotonic() < deadline and not task.done():
        await asyncio.sleep(0.05)
        if tags and {tag.name for tag in tags} <= seen.latest().keys():
            break
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    except PlantError as error:
        failure = error
    return [*tags, *seen.described], seen, failure


def run_command(
    config: ConfigArgument,
    once: Annotated[bool, typer.Option("--once", help=say("opt.once"))] = False,
    wait: WaitOption = 10.0,
    as_json: JsonOption = False,
) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    with reported(as_json):
        loaded = load_config(config)
        if once:
            tags, latest, errors = run_async(_once(loaded, wait))
            _show(tags, latest, errors, as_json)
            return
        from lnx_collector.runtime.program import collect

        run_async(collect(loaded, lambda port: err.print(f"{say('running')}  {f'http://127.0.0.1:{port}/status' if port else ''}")))
        err.print(say("stopped"))


async def _once(config: Config, wait: float) -> tuple[list[Tag], dict[str, Sample], list[PlantError]]:
    """Everything as in earnest, until each tag was stored once."""
    from lnx_collector.runtime.collector import Collector
    from lnx_collector.runtime.events import EventLog, default_folder

    collector = Collector(config, EventLog(default_folder()))
    latest: dict[str, Sample] = {}
    collector.watch(lambda samples: latest.update({sample.tag: sample for sample in samples}))
    try:
        await collector.start()
        done = asyncio.create_task(collector.sources_done())
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline and not done.done():
            await asyncio.sleep(0.05)
            tags = collector.historian.tags()
            if tags and {tag.name for tag in tags} <= latest.keys():
                break
        done.cancel()
        errors = [runner.health.error for runner in collector.sources.values() if runner.health.error]
        errors += [error for runner in collector.sources.values() for error in runner.health.parts.values()]
        names = {one.name for one in config.sources}
        return [tag for tag in collector.historian.tags() if tag.source in names], latest, errors
    finally:
        await collector.stop()


def _show(tags: Sequence[Tag], latest: dict[str, Sample], errors: Sequence[PlantError], as_json: bool) -> None:
    """Values and errors; exit code 1 when a tag has no usable value."""
    missing = [tag.name for tag in tags if tag.name not in latest or latest[tag.name].value is None]
    if as_json:
        print_json(
            {"samples": [sample._asdict() for sample in latest.values()], "missing": missing, "errors": [error.text() for error in errors]}
        )
    else:
        show_samples(tags, latest)
        for error in errors:
            err.print(error.text(language()), style="red", markup=False)
    if missing or errors:
        raise typer.Exit(NOT_WELL)
