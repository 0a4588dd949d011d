"""The collector as a service: it runs until a stop signal, and says what it does in a file of its own.

Lines go to `log/collector.log` in the data folder (five files of 1 MB at most); a log that cannot be written is no reason to stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import logging.handlers
import time
from pathlib import Path

from lnx_common.programdata import programdata
from lnx_common.service import StopSignal, run_until_stopped
from lnx_common.windows_service import Service

from lnx_collector.config import Config, load_config
from lnx_collector.runtime.loop import run_async

__all__ = ["SERVICE", "run_collector"]

FILE_BYTES, OLDER_FILES = 1_000_000, 4
LONG_S = 3600.0


def run_collector(path: Path, stop: StopSignal | None = None) -> None:
    """Collects until stopped. Raises ConfigError or PlantError when it cannot begin."""
    config = load_config(path)
    _log_to(config.data / "log" / "collector.log")
    run_until_stopped(lambda signal: run_async(_collect(config, signal)), stop)


async def _collect(config: Config, signal: StopSignal) -> None:
    from lnx_collector.runtime.program import collect

    stop = asyncio.Event()
    work = asyncio.create_task(collect(config, stop=stop))
    waiting = asyncio.create_task(asyncio.to_thread(_wait, signal))
    await asyncio.wait((work, waiting), return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    try:
        await work
    finally:
        signal.set()  # ends the waiting thread, also when the work failed


def _wait(signal: StopSignal) -> None:
    while not signal.wait(LONG_S):
        pass


class _File(logging.handlers.RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """A full disk: the line is lost, the samples are not."""


def _log_to(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _File(path, "a", FILE_BYTES, OLDER_FILES, "utf-8", delay=True)
        form = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        form.converter = time.gmtime
        file.setFormatter(form)
        root = logging.getLogger()
        root.addHandler(file)
        root.setLevel(logging.INFO)


def _sample() -> str:
    """The head of a settings file, with the data folder of a service."""
    from lnx_collector.cli.configure import HEAD

    return HEAD.replace('"data" ', f"'{programdata() / 'collector'}' ")


SERVICE = Service(
    name="LnxCollector",
    display="LNX Edge Collector (데이터 수집)",
    description="Collects data of machines, sensors and cameras. 설비, 센서, 카메라의 데이터를 수집합니다.",
    program="collector",
    module="lnx_collector.program",
    sample=_sample,
    run=run_collector,
)
