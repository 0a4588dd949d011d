"""The process: from a configuration to a collector that runs until it is asked to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

from lnx_common.service import Notifier

from lnx_collector.config import Config
from lnx_collector.runtime.collector import Collector
from lnx_collector.runtime.events import EventLog, default_folder

log = logging.getLogger("lnx.collector")


async def collect(config: Config, ready: Callable[[int], None] = lambda port: None, stop: asyncio.Event | None = None) -> None:
    """Collects until SIGTERM, SIGINT, Ctrl-Break or ``stop``. ``ready`` hears of the port of the status server (0 = none)."""
    stop = stop or asyncio.Event()
    _stop_on_signals(stop)
    collector = Collector(config, EventLog(default_folder()))
    server = None
    if config.collector.http:
        from lnx_collector.runtime.http import StatusServer  # aiohttp: only where it is used

        server = StatusServer(collector, config.collector.http)
    try:
        port = await server.start() if server else 0
        await collector.start()
        collector.keep_last_good()
        Notifier().send("READY=1")
        ready(port)
        while not stop.is_set():
            Notifier().send("WATCHDOG=1")
            try:
                await asyncio.wait_for(stop.wait(), 5)
            except TimeoutError:
                continue
        Notifier().send("STOPPING=1")
    finally:
        if server:
            await server.stop()
        await collector.stop()


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is None:
            continue
        try:
            loop.add_signal_handler(number, stop.set)
        except (NotImplementedError, RuntimeError, ValueError):
            try:
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
            except ValueError:
                return  # not the main thread: whoever runs us there passes `stop`
