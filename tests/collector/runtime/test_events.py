"""The collector's event log: whole lines from any thread, in order of their numbers; a folder that refuses is counted, never fatal."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from lnx_collector.runtime.events import EventLog


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for file in sorted(folder.glob("*.jsonl")) for line in file.read_text(encoding="utf-8").splitlines()]


def test_threads_write_whole_lines_with_rising_numbers(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    threads = [threading.Thread(target=lambda k=k: [log.write("lnx.collector.well", source=f"s{k}") for _ in range(200)]) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    log.close()
    assert [line["seq"] for line in lines(tmp_path)] == list(range(1, 801))


def test_events_that_could_not_be_written_are_counted_when_writing_works_again(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    folder.write_text("in the way")
    log = EventLog(folder)
    for _ in range(3):
        log.write("lnx.collector.well", source="a")
    folder.unlink()
    log.write("lnx.collector.well", source="b")
    log.close()
    assert [(line["event"], line["attributes"]) for line in lines(folder)] == [
        ("lnx.loss", {"count": 3}),
        ("lnx.collector.well", {"source": "b"}),
    ]


def test_without_a_folder_nothing_is_written() -> None:
    EventLog(None).write("lnx.collector.well", source="a")
