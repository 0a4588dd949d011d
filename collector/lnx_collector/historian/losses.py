"""Records of what was not kept: each is a row with its count, so that "complete" can be said or denied later.

Losses of the same source, reason and tag within one minute share a row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

MINUTE = 60 * 10**9


class Loss(NamedTuple):
    """``samples`` of ``tag`` ("" = of several tags) that were not kept or not delivered, and a short stable reason.

    ``source`` is the name of a source, "historian", or "sink NAME".
    """

    source: str
    reason: str
    samples: int
    tag: str
    first_time: int
    last_time: int


def record(connection: sqlite3.Connection, losses: Iterable[Loss]) -> None:
    """Adds losses inside the transaction that is open."""
    connection.executemany(
        "INSERT INTO loss VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count,"
        " first_time = min(first_time, excluded.first_time), last_time = max(last_time, excluded.last_time)",
        [(loss.last_time // MINUTE, loss.source, loss.reason, loss.tag, loss.samples, loss.first_time, loss.last_time) for loss in losses],
    )


def read(connection: sqlite3.Connection, since: int = 0, limit: int = 1000) -> list[Loss]:
    """Losses that ended at or after ``since``, oldest first, at most ``limit``."""
    query = (
        "SELECT source, reason, count, tag, first_time, last_time FROM loss WHERE minute >= ? AND last_time >= ? ORDER BY minute LIMIT ?"
    )
    return [Loss(*row) for row in connection.execute(query, (since // MINUTE, since, limit))]
