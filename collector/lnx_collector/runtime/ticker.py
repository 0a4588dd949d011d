"""A steady beat for sources that poll.

    async for missed in beat(1.0):
        intake.lost(missed * len(tags), "scan_late")        # when missed
        await intake.accept(await scan())

Runs on the monotonic clock. When the body takes longer than the period, the beats in between are counted, not made up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator


async def beat(period: float) -> AsyncIterator[int]:
    """Yields at once and then every ``period`` seconds; the number is how many beats were missed since the last one."""
    due = time.monotonic()
    while True:
        now = time.monotonic()
        missed = 0
        if now < due:
            await asyncio.sleep(due - now)
        else:
            missed = int((now - due) / period)
            await asyncio.sleep(0)
        yield missed
        due += (missed + 1) * period
