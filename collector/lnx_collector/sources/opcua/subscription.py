"""A subscription that turns whole publish responses into batches of samples.

asyncua hands out one object per notification; at thousands of values per second that is most of the work, so this overrides the one
function that receives a publish response. (asyncua is pinned exactly for this.)

Invariant: at most `limit` samples wait; what comes beyond is counted, never silently dropped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from asyncua import ua
from asyncua.common.subscription import Subscription

from lnx_collector import quality as q
from lnx_collector.sample import Sample
from lnx_collector.sources.opcua.values import sample_of


class BatchSubscription(Subscription):  # type: ignore[misc]
    """Delivers to `next_batch`. ``names`` maps client handles to tags."""

    def __init__(self, session: Any, parameters: ua.CreateSubscriptionParameters, now: Callable[[], int], limit: int) -> None:
        super().__init__(session, parameters, None)
        self.names: dict[int, str] = {}
        self.last_seen: dict[str, float] = {}
        self.dropped = 0
        self.overflowed: list[str] = []
        self.ended: int | None = None
        """Status with which the server ended the subscription."""
        self._now = now
        self._limit = limit
        self._waiting: list[Sample] = []
        self._news = asyncio.Event()

    async def publish_callback(self, publish_result: ua.PublishResult) -> None:
        self.last_publish_at = time.monotonic()
        message = publish_result.NotificationMessage
        if not message.NotificationData:
            return
        self.last_sequence_number = int(message.SequenceNumber)
        now, moment, names = self._now(), self.last_publish_at, self.names
        for notification in message.NotificationData:
            if isinstance(notification, ua.StatusChangeNotification):
                self.ended = int(notification.Status.value)
            for item in getattr(notification, "MonitoredItems", ()):
                tag = names.get(item.ClientHandle)
                if tag is None:
                    continue
                sample = sample_of(tag, item.Value, now)
                self.last_seen[tag] = moment
                if sample.quality & q.OVERFLOW == q.OVERFLOW:
                    self.overflowed.append(tag)
                if len(self._waiting) < self._limit:
                    self._waiting.append(sample)
                else:
                    self.dropped += 1
        self._news.set()

    async def next_batch(self, timeout: float) -> list[Sample]:
        """What has come since the last call; empty after ``timeout`` seconds of silence."""
        if not self._waiting:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), timeout)
            except TimeoutError:
                return []
        batch, self._waiting = self._waiting, []
        return batch
