"""Status, live tail and Prometheus metrics on the loopback address.

    GET /status            JSON: sources, sinks, historian, losses of the last day
    GET /metrics           Prometheus text format
    GET /tail?tags=a.*     samples as they come, one JSON object per line, until the reader hangs up

Only reads, only loopback. Requests that a web page of another name sends here (DNS rebinding) are refused by their Host header.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

from aiohttp import web
from lnx_common.errors import PlantError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from lnx_collector import quality as q
from lnx_collector.runtime.collector import Collector
from lnx_collector.runtime.health import RUNNING, Health
from lnx_collector.runtime.pipeline import matches
from lnx_collector.sample import Sample

DAY = 86400 * 10**9
TAIL_QUEUE = 10_000
HOSTS = ("127.0.0.1", "localhost", "[::1]")


def status(collector: Collector) -> dict[str, Any]:
    """Everything `lnx collect status` shows. Times in ns since 1970."""
    historian = collector.historian
    losses = historian.losses(collector.now() - DAY)
    return {
        "started": collector.started,
        "now": collector.now(),
        "stream": historian.stream,
        "data": str(historian.data),
        "accepted": historian.accepted,
        "last_seq": historian.last_seq,
        "trouble": collector.trouble.text() if collector.trouble else "",
        "clock_wrong": collector.clock.wrong,
        "sources": [runner.health.as_dict() for runner in collector.sources.values()],
        "sinks": [runner.health.as_dict() for runner in collector.sinks.values()],
        "losses": [loss._asdict() for loss in losses],
    }


class Metrics:
    """The collector's health as Prometheus metrics; names end in their unit."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def collect(self) -> Iterator[Metric]:
        right = not self._collector.clock.wrong
        yield GaugeMetricFamily("lnx_clock_right", "0 = the wall clock cannot be right; see the event lnx.collector.clock", value=right)
        yield from self._parts("source", [runner.health for runner in self._collector.sources.values()])
        yield from self._parts("sink", [runner.health for runner in self._collector.sinks.values()])
        historian = self._collector.historian
        yield CounterMetricFamily("lnx_historian_accepted_samples", "Samples that are durable since start", value=historian.accepted)
        yield GaugeMetricFamily("lnx_historian_last_seq", "Number of the last accepted sample", value=historian.last_seq)
        yield GaugeMetricFamily("lnx_historian_well", "1 = the disk takes what is written", value=self._collector.trouble is None)

    def _parts(self, kind: str, parts: Sequence[Health]) -> Iterator[Metric]:
        labels = [kind]
        up = GaugeMetricFamily(f"lnx_{kind}_up", f"1 = the {kind} works", labels=labels)
        counters = {
            "samples": CounterMetricFamily(f"lnx_{kind}_samples", f"Samples of the {kind} since start", labels=labels),
            "bad": CounterMetricFamily(f"lnx_{kind}_bad_samples", "Samples of Bad quality since start", labels=labels),
            "lost": CounterMetricFamily(f"lnx_{kind}_lost_samples", "Samples counted as lost since start", labels=labels),
            "restarts": CounterMetricFamily(f"lnx_{kind}_restarts", "Attempts after a failure since start", labels=labels),
        }
        last = GaugeMetricFamily(f"lnx_{kind}_last_seconds", "Time of the last sample, seconds since 1970", labels=labels)
        behind = GaugeMetricFamily(f"lnx_{kind}_behind_samples", "Samples that are not confirmed yet", labels=labels)
        for health in parts:
            up.add_metric([health.name], health.state == RUNNING)
            for name, counter in counters.items():
                counter.add_metric([health.name], getattr(health, name))
            last.add_metric([health.name], health.last_time / 1e9)
            behind.add_metric([health.name], health.behind)
        yield up
        yield from counters.values()
        yield last
        if kind == "sink":
            yield behind


def line(sample: Sample) -> str:
    """A sample as a line of the tail."""
    plain = {**sample._asdict(), "quality": f"0x{sample.quality:08X}", "quality_name": q.name(sample.quality)}
    return json.dumps(plain, ensure_ascii=False) + "\n"


class StatusServer:
    """The HTTP server of one collector."""

    def __init__(self, collector: Collector, address: str) -> None:
        """``address`` is "host:port"; port 0 takes a free one."""
        self._collector = collector
        host, _, port = address.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._registry = CollectorRegistry()
        self._registry.register(Metrics(collector))
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Returns the port. Raises PlantError 712 when the address is taken."""
        app = web.Application(middlewares=[_loopback_only])
        app.add_routes([web.get("/status", self._status), web.get("/metrics", self._metrics), web.get("/tail", self._tail)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise PlantError(712, where=f"{self._host}:{self._port}", found=error.strerror or str(error)) from error
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _status(self, request: web.Request) -> web.Response:
        found = await asyncio.to_thread(status, self._collector)
        return web.json_response(found)

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), content_type="text/plain", charset="utf-8")

    async def _tail(self, request: web.Request) -> web.StreamResponse:
        patterns = request.query.getall("tags", ["*"])
        queue: asyncio.Queue[Sample] = asyncio.Queue(TAIL_QUEUE)
        dropped = 0

        def watcher(samples: Sequence[Sample]) -> None:
            nonlocal dropped
            for sample in samples:
                if matches(sample.tag, patterns):
                    if queue.full():
                        dropped += 1
                    else:
                        queue.put_nowait(sample)

        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson; charset=utf-8"})
        await response.prepare(request)
        forget = self._collector.watch(watcher)
        try:
            while True:
                lines = line(await queue.get())
                while not queue.empty():
                    lines += line(queue.get_nowait())
                if dropped:
                    lines += json.dumps({"dropped": dropped}) + "\n"
                    dropped = 0
                await response.write(lines.encode())
        except ConnectionError:
            return response
        finally:
            forget()


@web.middleware
async def _loopback_only(request: web.Request, handler: Any) -> web.StreamResponse:
    host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    if host not in HOSTS:
        raise web.HTTPForbidden(text="only loopback")
    response: web.StreamResponse = await handler(request)
    return response
