"""Subscribes to an OPC UA server and hands in what it reports.

One connection, one session, one subscription; all three are closed before another attempt, so that a server with five sessions is
never locked out. A node that the server does not have makes its tag Bad and nothing else; it is looked for again every `LOOK_AGAIN`.

Watchdogs: no publish response (keep-alives included) for three keep-alive periods means that the subscription is dead, whatever the
connection says; a tag with `stale_after` that says nothing is subscribed again once and then marked Bad.

Times and quality are the server's own: source_time, server_time and the 32-bit status code are stored as they came. The overflow bit is
kept in the quality and counted as a loss ("device_overflow", at least one sample each).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from asyncua import Client, ua
from lnx_common.errors import PlantError

from lnx_collector import quality as q
from lnx_collector.contract import Intake, SourceContext
from lnx_collector.sample import Tag, bad
from lnx_collector.sources.opcua.addresses import resolve
from lnx_collector.sources.opcua.security import secure
from lnx_collector.sources.opcua.settings import OpcuaSettings, OpcuaTag
from lnx_collector.sources.opcua.subscription import BatchSubscription

LOOK_AGAIN = 30.0
SESSION_TIMEOUT_MS = 60_000
KEEP_ALIVE_S = 5.0
WAITING_LIMIT = 100_000
CLOSE_WITHIN = 5.0
for _name in ("asyncua", "asyncua.client", "asyncua.common.subscription"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)  # what matters of it is told by us


class OpcuaSource:
    """One server."""

    def __init__(self, settings: OpcuaSettings, context: SourceContext) -> None:
        self._settings = settings
        self._now = context.now
        self._pki = context.data / "pki"
        self._by_name = {tag.name: tag for tag in settings.tag}
        self._told: set[str] = set()
        self._renewed: set[str] = set()
        self._handle = 0

    def tags(self) -> list[Tag]:
        return [Tag(tag.name, self._settings.name, tag.kind, tag.unit, tag.description) for tag in self._settings.tag]

    async def run(self, intake: Intake) -> None:
        client = Client(self._settings.url, timeout=self._settings.timeout, watchdog_intervall=max(5.0, self._settings.timeout))
        client.name = client.description = "LNX Edge collector"
        client.session_timeout = SESSION_TIMEOUT_MS
        try:
            await secure(client, self._settings, self._pki)
            await client.connect(auto_reconnect=False)
            await self._collect(client, intake)
        except (OSError, TimeoutError, ConnectionError, ua.UaError) as error:
            raise PlantError(701, where=self._settings.url, found=str(error) or type(error).__name__) from error
        finally:
            await _close(client)

    async def _collect(self, client: Client, intake: Intake) -> None:
        subscription = await self._subscribe(client)
        self._told.clear()
        self._renewed.clear()
        await self._add(client, subscription, self._settings.tag, intake)
        intake.well()
        looked = time.monotonic()
        while True:
            batch = await subscription.next_batch(1.0)
            if batch:
                self._told.difference_update(sample.tag for sample in batch if not q.is_bad(sample.quality))
                await intake.accept(batch)
            self._count_losses(subscription, intake)
            self._check_alive(client, subscription)
            await self._check_stale(client, subscription, intake)
            if time.monotonic() - looked > LOOK_AGAIN:
                looked = time.monotonic()
                missing = [tag for tag in self._settings.tag if tag.name not in subscription.names.values()]
                if missing:
                    await self._add(client, subscription, missing, intake)

    async def _subscribe(self, client: Client) -> BatchSubscription:
        interval = self._settings.interval
        parameters = ua.CreateSubscriptionParameters()
        parameters.RequestedPublishingInterval = interval * 1000
        parameters.RequestedMaxKeepAliveCount = max(1, round(KEEP_ALIVE_S / interval))
        parameters.RequestedLifetimeCount = max(30, 10 * parameters.RequestedMaxKeepAliveCount)
        parameters.MaxNotificationsPerPublish = 10_000
        parameters.PublishingEnabled = True
        subscription = BatchSubscription(client.uaclient.session, parameters, self._now, WAITING_LIMIT)
        result = await subscription.init()
        self._keep_alive = max(KEEP_ALIVE_S, result.RevisedMaxKeepAliveCount * result.RevisedPublishingInterval / 1000)
        subscription.last_publish_at = time.monotonic()
        return subscription

    # ── tags ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _add(self, client: Client, subscription: BatchSubscription, tags: Sequence[OpcuaTag], intake: Intake) -> None:
        """Subscribes to tags; those that the server does not have or refuses become Bad, once."""
        at_once = self._settings.max_items
        nodes = await resolve(client, tags, self._settings.namespaces, at_once)
        failed = {tag.name: q.BAD_NODE_ID_UNKNOWN for tag in tags if tag.name not in nodes}
        present = [tag for tag in tags if tag.name in nodes]
        for begin in range(0, len(present), at_once):
            chunk = present[begin : begin + at_once]
            requests = [self._request(subscription, tag, nodes[tag.name]) for tag in chunk]
            results = await subscription.create_monitored_items(requests)
            for tag, request, result in zip(chunk, requests, results, strict=True):
                if isinstance(result, ua.StatusCode):
                    failed[tag.name] = int(result.value)
                    subscription.names.pop(request.RequestedParameters.ClientHandle, None)
        for tag in tags:
            if tag.name not in failed:
                intake.well(tag.name)
        await self._mark(failed, intake)

    def _request(self, subscription: BatchSubscription, tag: OpcuaTag, node: ua.NodeId) -> ua.MonitoredItemCreateRequest:
        self._handle += 1
        subscription.names[self._handle] = tag.name
        subscription.last_seen[tag.name] = time.monotonic()
        wanted = ua.MonitoringParameters()
        wanted.ClientHandle = self._handle
        wanted.SamplingInterval = (self._settings.interval if tag.sampling is None else tag.sampling) * 1000
        wanted.QueueSize = tag.queue or self._settings.queue
        wanted.DiscardOldest = True
        if tag.deadband:
            change = ua.DataChangeFilter()
            change.Trigger = ua.DataChangeTrigger.StatusValue
            change.DeadbandType = ua.DeadbandType.Absolute
            change.DeadbandValue = tag.deadband
            wanted.Filter = change
        request = ua.MonitoredItemCreateRequest()
        request.ItemToMonitor.NodeId = node
        request.ItemToMonitor.AttributeId = ua.AttributeIds.Value
        request.MonitoringMode = ua.MonitoringMode.Reporting
        request.RequestedParameters = wanted
        return request

    async def _mark(self, failed: dict[str, int], intake: Intake) -> None:
        fresh = {name: code for name, code in failed.items() if name not in self._told}
        self._told.update(fresh)
        for name, code in fresh.items():
            tag = self._by_name[name]
            intake.trouble(name, PlantError(702, where=tag.path or tag.node, found=q.name(code), expected="a variable of the server"))
        if fresh:
            now = self._now()
            await intake.accept([bad(name, code, now) for name, code in fresh.items()])

    # ── watchdogs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _count_losses(self, subscription: BatchSubscription, intake: Intake) -> None:
        if subscription.dropped:
            intake.lost(subscription.dropped, "queue_overflow")
            subscription.dropped = 0
        for tag in subscription.overflowed:
            intake.lost(1, "device_overflow", tag)
        subscription.overflowed.clear()

    def _check_alive(self, client: Client, subscription: BatchSubscription) -> None:
        if subscription.ended is not None:
            raise PlantError(701, where=self._settings.url, found=f"the server ended the subscription: {q.name(subscription.ended)}")
        silent = time.monotonic() - (subscription.last_publish_at or 0)
        if silent > 3 * self._keep_alive:
            raise PlantError(701, where=self._settings.url, found=f"no keep-alive for {silent:.0f} s")
        if client.uaclient.state.value != "connected":
            raise PlantError(701, where=self._settings.url, found=f"the connection is {client.uaclient.state.value}")

    async def _check_stale(self, client: Client, subscription: BatchSubscription, intake: Intake) -> None:
        now = time.monotonic()
        stale = [
            tag
            for tag in self._settings.tag
            if tag.stale_after is not None
            and tag.name not in self._told
            and now - subscription.last_seen.get(tag.name, now) > tag.stale_after
        ]
        if not stale:
            return
        first_time = [tag for tag in stale if tag.name not in self._renewed]
        if first_time:
            self._renewed.update(tag.name for tag in first_time)
            handles = {name: handle for handle, name in subscription.names.items()}
            for tag in first_time:
                subscription.names.pop(handles.get(tag.name, -1), None)
            await self._add(client, subscription, first_time, intake)
        await self._mark({tag.name: q.BAD_NO_COMMUNICATION for tag in stale if tag not in first_time}, intake)


async def _close(client: Client) -> None:
    """Closes session, channel and socket, whatever state they are in, within a few seconds."""
    try:
        await asyncio.wait_for(client.disconnect(), CLOSE_WITHIN)
    except (Exception, asyncio.CancelledError):
        client.disconnect_socket()
