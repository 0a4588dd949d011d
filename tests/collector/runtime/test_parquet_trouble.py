"""What a collector says when the process that works on Parquet files does not work."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lnx_collector.config import load_config
from lnx_collector.historian import parquet_process
from lnx_collector.runtime import collector as collector_module
from lnx_collector.runtime.collector import Collector
from lnx_collector.runtime.events import EventLog
from lnx_collector.runtime.http import status
from lnx_collector.sample import good

T0 = 1_790_000_000 * 10**9


def test_trouble_is_in_status_and_events_until_it_is_over_and_samples_are_accepted_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "collect.toml"
    path.write_text('[collector]\ndata = "data"\nhttp = ""\n[historian]\nreserve = 0\npart_rows = 1000\n', encoding="utf-8")
    monkeypatch.setattr(collector_module, "MAINTAIN", 0.05)
    monkeypatch.setattr(parquet_process, "_program", lambda: [sys.executable, "-c", "raise SystemExit(9)"])

    async def until(done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not done():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    async def main() -> None:
        collector = Collector(load_config(path), EventLog(tmp_path / "events"))
        await collector.start()
        try:
            await collector.historian.accept("s", [good("a", float(i), T0 + i) for i in range(1500)])
            await until(lambda: collector.trouble is not None)
            told = str(status(collector)["trouble"])
            assert "LNX-703" in told and "ended with 9" in told
            await collector.historian.accept("s", [good("a", float(i), T0 + i) for i in range(1500, 1600)])
            monkeypatch.undo()
            await until(lambda: collector.trouble is None)
            assert status(collector)["trouble"] == "" and status(collector)["losses"] == []
            assert list((tmp_path / "data").rglob("*.parquet"))
            assert [row.sample.value for row in collector.historian.rows_after(0, 2000)][:1000] == [float(i) for i in range(1000)]
        finally:
            await collector.stop()

    asyncio.run(main())
    lines = [json.loads(line) for file in (tmp_path / "events").glob("*.jsonl") for line in file.read_text(encoding="utf-8").splitlines()]
    about = [(line["event"], line["attributes"].get("status")) for line in lines if line["attributes"].get("source") == "historian"]
    assert about == [("lnx.collector.trouble", 703), ("lnx.collector.well", None)]
