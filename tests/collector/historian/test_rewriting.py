"""Parts that are joined or thinned: nothing is missing that is not counted, in whatever moment the process dies."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lnx_collector import quality as q
from lnx_collector.config import HistorianSettings
from lnx_collector.historian import Historian, database
from lnx_collector.historian.columns import ARROW
from lnx_collector.historian.parquet_work import one_of_four
from lnx_collector.historian.part import Part
from lnx_collector.historian.rewriting import groups, level
from lnx_collector.sample import bad, good

HOUR = 3600 * 10**9
T0 = int(datetime(2026, 9, 1, tzinfo=UTC).timestamp()) * 10**9
SETTINGS = HistorianSettings(commit_interval=0.0, reserve=0, part_rows=1000)


def fill(store: Historian, hours: int, per_hour: int = 40) -> None:
    """Samples of two tags, every tenth Bad; each hour becomes a part."""
    for hour in range(hours):
        samples = []
        for i in range(per_hour):
            n = hour * per_hour + i
            at = T0 + hour * HOUR + i * 10**9
            samples.append(bad("a", q.BAD_TIMEOUT, at) if i % 10 == 9 else good("b" if i % 2 else "a", n * 7919 % 100_003 / 7, at))
        store.submit("line", samples).result(5)
        store.roll_now()


def content(store: Historian) -> list[tuple[int, object, int]]:
    found: list[tuple[int, object, int]] = []
    seq = 0
    while rows := store.rows_after(seq, 33):
        found += [(row.seq, row.sample.value, row.sample.quality) for row in rows]
        seq = rows[-1].seq
    return found


def paths(store: Historian) -> list[str]:
    return [row[0] for row in store.reader.all("SELECT path FROM part ORDER BY first_seq")]


def bounded(store: Historian, share: float) -> int:
    """Lets the parts have only a share of their present size; the database does not count."""
    limit = int(share * sum(row[0] for row in store.reader.all("SELECT bytes FROM part")))
    store._roller._database_bytes = lambda: 0  # type: ignore[method-assign]
    store._roller._settings = store.settings.model_copy(update={"max_size": limit})
    return limit


def test_the_hours_of_finished_days_become_few_files_with_the_same_samples(tmp_path: Path) -> None:
    store = Historian(tmp_path, SETTINGS)
    fill(store, 30)
    before, queried = content(store), store.reader.query("SELECT * FROM samples ORDER BY seq")
    assert store._roller.compact(T0 + 30 * HOUR) == 1
    listed = paths(store)
    assert len(listed) == 1 + 6 and listed[0].endswith("date=2026-09-01/part-000000000001-000000000960.parquet")
    assert store._roller.compact(T0 + 30 * HOUR) == 0
    assert content(store) == before and store.reader.query("SELECT * FROM samples ORDER BY seq").equals(queried)
    store._roller._rewriter.sweep(everything=True)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.parquet")) == sorted(listed)
    assert content(store) == before and store.losses() == []
    store.close()


def test_a_crash_before_or_after_the_exchange_leaves_every_sample_once(tmp_path: Path) -> None:
    store = Historian(tmp_path, SETTINGS)
    fill(store, 26)
    before = content(store)
    store.close()
    shutil.copy(tmp_path / database.DATABASE, tmp_path / "before.sqlite")
    store = Historian(tmp_path, SETTINGS)
    store._roller.compact(T0 + 30 * HOUR)
    store.close()  # the old files are there still, as after a crash behind the exchange
    shutil.copytree(tmp_path, tmp_path.parent / "behind")
    shutil.copy(tmp_path / "before.sqlite", tmp_path / database.DATABASE)  # and here the exchange never happened
    for folder, files in ((tmp_path, 26), (tmp_path.parent / "behind", 3)):
        again = Historian(folder, SETTINGS)
        assert content(again) == before and again.losses() == []
        assert len(list(folder.rglob("*.parquet"))) == files == len(paths(again))
        again.close()


def test_thinning_keeps_what_is_bad_and_one_of_four_of_each_tag_and_counts_the_rest(tmp_path: Path) -> None:
    store = Historian(tmp_path, SETTINGS.model_copy(update={"when_full": "thin", "part_rows": 5000}))
    fill(store, 3, 4000)
    before = content(store)
    store.move_cursor("mqtt", 1000).result(5)
    bounded(store, 0.9)
    assert store._roller.keep_size(T0 + 4 * HOUR)
    assert [path.endswith("-t1.parquet") for path in paths(store)] == [True, False, False]  # the oldest, and no more than needed
    after = content(store)
    stays = {seq: (value, quality) for seq, value, quality in after}
    assert all((value, quality) == stays[seq] for seq, value, quality in before if seq > 4000 or quality)
    assert 0.3 < sum(seq <= 4000 for seq in stays) / 4000 < 0.35  # a tenth is Bad, and a quarter of the others
    dropped = [seq for seq, _, _ in before if seq not in stays]
    counted = {(loss.source, loss.reason): loss.samples for loss in store.losses()}
    assert counted == {("historian", "thinned"): len(dropped), ("sink mqtt", "thinned"): sum(seq > 1000 for seq in dropped)}
    store.close()
    again = Historian(tmp_path, SETTINGS)
    assert content(again) == after
    again.close()


def test_what_cannot_be_thinned_any_more_is_deleted_oldest_first_and_the_whole_stays_within_its_size(tmp_path: Path) -> None:
    store = Historian(tmp_path, SETTINGS.model_copy(update={"when_full": "thin", "part_rows": 5000}))
    fill(store, 8, 2000)
    total = len(content(store))
    limit = bounded(store, 0.1)
    assert store._roller.keep_size(T0 + 9 * HOUR)
    left = [Part(*row) for row in store.reader.all("SELECT * FROM part ORDER BY first_seq")]
    assert left and sum(part.bytes for part in left) <= limit
    assert {level(part) for part in left} == {3}
    kept = content(store)
    assert len(kept) + sum(loss.samples for loss in store.losses() if loss.source == "historian") == total
    assert kept[-1][0] > total - 2000 and kept[0][0] > 2000  # the oldest went, the newest is there
    store.close()


@pytest.mark.parametrize("damage", ["flip", "delete"])
def test_a_part_that_is_found_damaged_while_it_is_joined_is_set_aside_and_counted(tmp_path: Path, damage: str) -> None:
    store = Historian(tmp_path, SETTINGS)
    fill(store, 24)
    victim = tmp_path / paths(store)[3]
    if damage == "flip":
        raw = bytearray(victim.read_bytes())
        raw[len(raw) // 2] ^= 1
        victim.write_bytes(raw)
    else:
        victim.unlink()
    store._roller.compact(T0 + 48 * HOUR)
    assert store._roller.compact(T0 + 48 * HOUR) == 1
    assert [seq for seq, _, _ in content(store)] == [seq for seq in range(1, 961) if not 120 < seq <= 160]
    assert [(loss.reason, loss.samples) for loss in store.losses()] == [("damaged" if damage == "flip" else "missing", 40)]
    store.close()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=80))
def test_one_of_four_is_what_the_plain_rule_says(rows: list[tuple[str, bool]]) -> None:
    import pyarrow as pa

    seen: dict[str, int] = {}
    plain = []
    for tag, fine in rows:
        if fine:
            seen[tag] = seen.get(tag, -1) + 1
        plain.append(not fine or seen[tag] % 4 == 0)
    columns = {"seq": range(len(rows)), "tag": [tag for tag, _ in rows], "quality": [0 if fine else q.BAD for _, fine in rows]}
    table = pa.table({name: pa.array(column, ARROW.field(name).type if name != "tag" else pa.string()) for name, column in columns.items()})
    shuffled = table.take(pa.array(sorted(range(len(rows)), key=lambda i: (rows[i][0], i)), pa.int64()))
    stays = dict(zip(shuffled["seq"].to_pylist(), one_of_four(shuffled).to_pylist(), strict=True))
    assert [stays[i] for i in range(len(rows))] == plain


def test_only_neighbours_of_one_finished_day_are_joined_up_to_the_size_of_a_part() -> None:
    def part(n: int, day: str, suffix: str = "") -> Part:
        return Part(f"samples/date={day}/part-{n}{suffix}.parquet", n, n, 400, 1, "", 0, 0)

    parts = [part(1, "2026-09-01"), part(2, "2026-09-01"), part(3, "2026-09-01"), part(4, "2026-09-02", "-t1"), part(5, "2026-09-02")]
    parts += [part(6, "2026-09-02"), part(7, "2026-09-03"), part(8, "2026-09-03")]
    now = int(datetime(2026, 9, 4, 0, 30, tzinfo=UTC).timestamp()) * 10**9
    assert groups(parts, now, 1000) == [parts[0:2], parts[4:6]]
    assert groups(parts, now + HOUR, 1000) == [parts[0:2], parts[4:6], parts[6:8]]
