"""Messages of a broker that have arrived and are not durable yet, in order of arrival.

Invariants: messages with QoS 1 and 2 are never dropped here (the broker limits how many are unanswered); those with QoS 0 are dropped and
counted beyond `WAITING_LIMIT`, because nobody can hold them back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from paho.mqtt.client import MQTTMessage

AT_ONCE = 1000
WAITING_LIMIT = 20_000


class Inbox:
    """Filled by `put` on the event loop, emptied by one reader."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._waiting: deque[tuple[MQTTMessage, int]] = deque()
        self._news = asyncio.Event()
        self._overflowed = 0

    def put(self, message: MQTTMessage) -> None:
        """Takes a message with the time at which it came."""
        if message.qos == 0 and len(self._waiting) >= WAITING_LIMIT:
            self._overflowed += 1
        else:
            self._waiting.append((message, self._now()))
        self._news.set()

    async def take(self, ended: asyncio.Event) -> list[tuple[MQTTMessage, int]]:
        """The next messages with their times; empty once ``ended`` is set and everything was taken."""
        if not self._waiting and not ended.is_set():
            self._news.clear()
            waits = [asyncio.ensure_future(self._news.wait()), asyncio.ensure_future(ended.wait())]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
        return [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]

    def overflowed(self) -> int:
        """How many messages were dropped since the last call."""
        count, self._overflowed = self._overflowed, 0
        return count
