"""The historian: what it accepted comes back equal and in order, hot or cold; what it gives up is counted."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lnx_collector import quality as q
from lnx_collector.config import HistorianSettings
from lnx_collector.contract import Row
from lnx_collector.historian import Historian, Loss, columns, encoding
from lnx_collector.sample import Sample, Tag, bad, checked, good

HOUR = 3600 * 10**9
T0 = 1_790_000_000 * 10**9
Open = Callable[..., Historian]


@pytest.fixture
def historian(tmp_path: Path) -> Iterator[Open]:
    opened: list[Historian] = []

    def make(**options: object) -> Historian:
        defaults = {"commit_interval": 0.0, "reserve": 0}
        small = options.pop("bytes", None)  # less than a configuration may ask for
        chosen = HistorianSettings.model_validate({**defaults, **options})
        opened.append(Historian(tmp_path / "data", chosen.model_copy(update={"max_size": small}) if small else chosen))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def fill(historian: Historian, n: int, begin: int = 0, step: int = 10**9) -> list[Sample]:
    samples = [good(f"line.t{i % 5}", float(i), T0 + i * step, T0 + i * step - 1000) for i in range(begin, begin + n)]
    historian.submit("line", samples).result(5)
    return samples


def everything(historian: Historian, limit: int = 7) -> list[Row]:
    rows: list[Row] = []
    while more := historian.rows_after(rows[-1].seq if rows else 0, limit):
        rows += more
    return rows


VALUES = st.one_of(
    st.none(),
    st.floats(),
    st.integers(-(2**63), 2**64 - 1),
    st.integers(2**53 - 2, 2**53 + 2),
    st.booleans(),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=20),
)
TIMES = st.one_of(st.none(), st.integers(0, 2**62))
SAMPLES = st.lists(
    st.builds(Sample, st.sampled_from("abcd"), VALUES, st.integers(0, 2**32 - 1), TIMES, TIMES, st.integers(0, 2**62)), max_size=30
)


@settings(max_examples=150, deadline=None)
@given(SAMPLES, st.sampled_from(["float", "int", "bool", "text"]))
def test_hot_rows_and_parquet_columns_give_back_what_went_in(samples: list[Sample], kind: str) -> None:
    tags = {i: Tag(name, "s", kind) for i, name in enumerate("abcd")}  # type: ignore[arg-type]
    numbers = {tag.name: i for i, tag in tags.items()}
    kept = [checked(sample) for sample in samples]
    rows = [encoding.hot_row(i + 1, numbers[sample.tag], kind, sample) for i, sample in enumerate(kept)]
    expected = [sample._replace(value=float(sample.value)) if kind == "float" and type(sample.value) is int else sample for sample in kept]
    from_hot = [encoding.sample_of((*row[2:4], *row[4:]), tags[row[1]]) for row in rows]
    assert [_loose(sample, kind) for sample in from_hot] == [_loose(sample, kind) for sample in expected]
    table = columns.arrow_table([rows[:10], rows[10:]], tags)
    from_cold = {seq: sample for seq, sample, _ in columns.samples_of(table)}
    assert [_loose(from_cold[i + 1], kind) for i in range(len(rows))] == [_loose(sample, kind) for sample in expected]


def _loose(sample: Sample, kind: str) -> tuple[object, ...]:
    """A truth value in a tag of numbers comes back as 0 or 1, and digits in a tag of integers as an integer; all else exactly."""
    value = sample.value
    if isinstance(value, bool) and kind != "bool":
        value = int(value)
    elif kind == "bool" and type(value) is int and value in (0, 1):
        value = bool(value)
    return (sample.tag, value, *sample[2:])


def test_accepted_samples_come_back_in_order_from_hot_from_cold_and_across_the_border(historian: Open) -> None:
    store = historian(part_rows=100)
    samples = fill(store, 250)
    assert [row.sample for row in everything(store)] == samples
    store.maintain()
    assert len(list(store.data.rglob("*.parquet"))) == 3  # two full ones, and the rest because its hour is over
    fill(store, 40, 250)
    rows = everything(store)
    assert [row.seq for row in rows] == list(range(1, 291))
    assert [row.sample for row in rows[:250]] == samples
    assert store.reader.one("SELECT count(*) FROM sample WHERE seq <= 250")[0] == 0


def test_sql_sees_every_sample_once_wherever_it_lies(historian: Open) -> None:
    store = historian(part_rows=100)
    fill(store, 150)
    store.roll_now()
    fill(store, 30, 150)
    table = store.reader.query("SELECT count(*) n, sum(number) s, count(DISTINCT tag) t, min(seq) a, max(seq) b FROM samples")
    assert table.to_pylist() == [{"n": 180, "s": float(sum(range(180))), "t": 5, "a": 1, "b": 180}]
    some = store.reader.query(
        "SELECT count(*) n FROM samples WHERE tag = $tag", {"tag": "line.t1"}, since=T0 + 100 * 10**9, until=T0 + 160 * 10**9
    )
    assert some.to_pylist() == [{"n": 12}]


def test_a_part_is_closed_when_its_hour_is_over(historian: Open) -> None:
    store = historian()
    hour = (T0 // HOUR + 1) * HOUR
    store.submit("s", [good("a", 1.0, hour - 2), good("a", 2.0, hour - 1), good("a", 3.0, hour), good("a", 4.0, hour + 1)]).result(5)
    store._roller.roll(hour + HOUR // 2)
    assert [(p.name) for p in store.data.rglob("*.parquet")] == ["part-000000000001-000000000002.parquet"]
    store._roller.roll(hour + HOUR)
    assert len(list(store.data.rglob("*.parquet"))) == 2


def test_numbers_go_on_after_everything_was_rolled_deleted_and_reopened(historian: Open) -> None:
    store = historian(part_rows=100, keep="1s")
    fill(store, 100)
    store.roll_now()
    store.maintain()  # far older than a second: the part is deleted
    assert everything(store) == []
    store.close()
    again = historian(part_rows=100)
    fill(again, 1)
    assert [row.seq for row in everything(again)] == [101]


def fill_large(historian: Historian, rounds: int) -> None:
    """A thousand texts of a kilobyte per round, each round rolled into a part."""
    rng = random.Random(rounds)
    for _ in range(rounds):
        begin = historian.last_seq
        texts = [good("line.text", rng.randbytes(500).hex(), T0 + (begin + i) * 10**9) for i in range(1000)]
        historian.submit("line", texts).result(5)
        historian.maintain()


def test_the_oldest_parts_go_at_max_size_and_each_lost_sample_is_counted_for_its_sink_too(historian: Open) -> None:
    store = historian(part_rows=1000, bytes=9_000_000, keep="30000d")
    store.move_cursor("mqtt", 1_500).result(5)
    fill_large(store, 20)
    rows = everything(store, 1_000)
    assert rows[-1].seq == 20_000
    gone = rows[0].seq - 1
    assert 5_000 < gone < 15_000
    assert sum(path.stat().st_size for path in store.data.rglob("*") if path.is_file()) < 9_000_000
    losses: dict[tuple[str, str], int] = {}
    for loss in store.losses():
        losses[loss.source, loss.reason] = losses.get((loss.source, loss.reason), 0) + loss.samples
    assert losses == {("historian", "deleted_size"): gone, ("sink mqtt", "deleted_size"): gone - 1_500}


def test_with_when_full_wait_sources_wait_and_nothing_is_deleted(historian: Open) -> None:
    store = historian(part_rows=1000, bytes=5_000_000, when_full="wait", keep="30000d")
    fill_large(store, 10)

    async def waits() -> bool:
        task = asyncio.create_task(store.accept("line", [good("a", 1.0, T0)]))
        done, _ = await asyncio.wait([task], timeout=0.3)
        store._space.set()
        await task
        return not done

    assert asyncio.run(waits())
    assert len(everything(store, 1_000)) == 10_001


def test_bookmarks_are_committed_with_their_samples(historian: Open) -> None:
    store = historian()
    store.submit("csv", [good("a", 1.0, T0)], {"file.csv": "120"}).result(5)
    store.submit("csv", [good("a", 2.0, T0)], {"file.csv": "240"}).result(5)
    store.close()
    assert historian().bookmarks("csv") == {"file.csv": "240"}


def test_losses_of_one_minute_share_a_record_and_keep_their_count(historian: Open) -> None:
    store = historian()
    store.lost([Loss("line", "scan_late", 3, "a", T0, T0 + 1), Loss("line", "scan_late", 2, "a", T0 + 5, T0 + 9)]).result(5)
    store.lost([Loss("line", "scan_late", 1, "a", T0 + HOUR, T0 + HOUR)]).result(5)
    assert [(loss.samples, loss.first_time, loss.last_time) for loss in store.losses()] == [(5, T0, T0 + 9), (1, T0 + HOUR, T0 + HOUR)]
    assert [loss.samples for loss in store.losses(since=T0 + HOUR)] == [1]


def test_refused_rows_are_kept_readable_and_counted(historian: Open) -> None:
    store = historian()
    fill(store, 3)
    store.refuse("db", store.rows_after(1, 1), "value too long").result(5)
    assert store.reader.all("SELECT sink, seq, reason FROM refused") == [("db", 2, "value too long")]
    assert [(loss.source, loss.reason, loss.samples) for loss in store.losses()] == [("sink db", "refused", 1)]


def test_bad_samples_keep_their_code_and_lose_their_value(historian: Open) -> None:
    store = historian()
    store.submit("s", [Sample("a", 5.0, q.BAD_TIMEOUT, None, None, T0), bad("a", q.BAD_SENSOR_FAILURE | q.OVERFLOW, T0)]).result(5)
    store.roll_now()
    assert [(row.sample.value, row.sample.quality) for row in everything(store)] == [
        (None, q.BAD_TIMEOUT),
        (None, q.BAD_SENSOR_FAILURE | q.OVERFLOW),
    ]


def test_a_job_that_fails_takes_nothing_else_with_it(historian: Open) -> None:
    store = historian(commit_interval="100ms")
    first = store.submit("s", [good("a", 1.0, T0)])

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM sample")
        raise ValueError("broken")

    failing = store._writer.submit(broken)
    last = store.submit("s", [good("b", 2.0, T0)])
    assert (first.result(5), last.result(5)) == (1, 2)
    with pytest.raises(ValueError, match="broken"):
        failing.result(5)
    assert [row.sample.tag for row in everything(store)] == ["a", "b"]


def test_many_callers_share_commits(historian: Open) -> None:
    store = historian(commit_interval="20ms")

    async def all_at_once() -> None:
        await asyncio.gather(*(store.accept("s", [good(f"t{i}", 1.0, T0)]) for i in range(200)))

    before = store._writer.commits
    asyncio.run(all_at_once())
    assert store._writer.commits - before < 20
    assert len(everything(store)) == 200


def test_callers_that_go_away_while_they_wait_stop_nobody(historian: Open) -> None:
    store = historian(commit_interval="30ms")

    async def impatient() -> None:
        for i in range(30):
            task = asyncio.create_task(store.accept("s", [good("gone", float(i), T0)]))
            await asyncio.sleep(0.003 * (i % 12))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await asyncio.wait_for(store.accept("s", [good("last", 1.0, T0)]), 5)

    asyncio.run(impatient())
    rows = everything(store, 100)
    assert rows[-1].sample.tag == "last"
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))


def test_a_clock_that_jumps_forward_back_to_1970_and_beyond_2038_costs_no_sample(tmp_path: Path) -> None:
    store = Historian(tmp_path, HistorianSettings(commit_interval=0.0, reserve=0, part_rows=1000))
    hour = 3600 * 10**9
    now = time.time_ns()
    moments = [now, now + hour, now - hour, 5, 2_300_000_000 * 10**9, now + 2 * hour, 0, now]
    for n, moment in enumerate(moments):
        store.submit("s", [good("a", float(10 * n + i), moment + i) for i in range(10)]).result(5)
        store.maintain()
    store.roll_now()
    store.maintain()
    seq, found = 0, []
    while rows := store.rows_after(seq, 200):
        found += [(row.seq, row.sample.value, row.sample.receive_time) for row in rows]
        seq = rows[-1].seq
    assert found == [(10 * n + i + 1, float(10 * n + i), moment + i) for n, moment in enumerate(moments) for i in range(10)]
    assert store.reader.query("SELECT count(*) n FROM samples").to_pylist() == [{"n": 80}]
    assert store.losses() == []
    store.close()


def test_a_clock_that_is_years_ahead_does_not_empty_the_historian_at_once(tmp_path: Path) -> None:
    store = Historian(tmp_path, HistorianSettings(commit_interval=0.0, reserve=0, part_rows=1000))
    hour = 3600 * 10**9
    begin = 1_790_000_000 * 10**9 // hour * hour
    for h in range(96):
        store.submit("s", [good("a", float(h), begin + h * hour + minute * 60 * 10**9) for minute in range(60)]).result(5)
    store._roller.roll(begin + 100 * hour)
    ahead = begin + 20 * 365 * 24 * hour
    for _ in range(50):
        store._roller.keep_size(ahead)
    deleted = sum(loss.samples for loss in store.losses() if loss.reason == "deleted_age")
    assert 23 * 60 <= deleted <= 26 * 60
    store.close()
