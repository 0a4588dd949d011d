"""Keeps samples: SQLite while they are hot, hourly Parquet files after that, and one way to read both.

Layout of the data folder
    collector.sqlite      hot samples, tags, bookmarks of sources, cursors of sinks, losses, catalogue of parts (WAL, FULL)
    samples/*.partial     being written, by the process that works on Parquet files
    samples/date=D/part-FIRST-LAST.parquet    cold samples, FIRST and LAST are sequence numbers; written once, never changed
    quarantine/           what was found damaged
    reserve               given up first when the disk is full

Every accepted sample gets the next sequence number. Hot and cold together hold each number exactly once.
"""

from lnx_collector.historian.losses import Loss
from lnx_collector.historian.store import Historian

__all__ = ["Historian", "Loss"]
