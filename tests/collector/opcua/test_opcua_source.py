"""The OPC UA source against node-opcua."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client
from lnx_collector import quality as q
from lnx_collector.contract import Seen, SourceContext
from lnx_collector.sample import Sample
from lnx_collector.sources.opcua import KIND
from lnx_collector.sources.opcua.source import OpcuaSource
from lnx_common.errors import PlantError

Watch = Callable[..., Seen]
PATHS = [("t", "Temperature"), ("r", "Running"), ("c", "Count"), ("x", "Text")]


def source(url: str, data: Path, tags: list[dict[str, Any]] | None = None, **options: Any) -> OpcuaSource:
    listed = tags or [{"name": name, "path": f"/Objects/line:Line1/line:{browse}"} for name, browse in PATHS]
    raw = {
        "name": "ua",
        "type": "opcua",
        "url": url,
        "interval": 0.1,
        "namespaces": {"line": "urn:factory:line1"},
        "tag": listed,
        **options,
    }
    return KIND.build(KIND.settings.model_validate(raw), SourceContext("ua", data, time.time_ns))


def of(seen: Seen, tag: str) -> list[Sample]:
    return [sample for sample in seen.samples if sample.tag == tag]


def everything(count: int) -> Callable[[Seen], bool]:
    return lambda seen: len(seen.latest()) >= count


def test_values_quality_and_both_times_arrive_as_the_server_has_them(opcua: Any, tmp_path: Path, watch: Watch) -> None:
    opcua.tell(status={"Running": "UncertainLastUsableValue"})
    opcua.tell(set={"Temperature": 20.5})
    tags = [{"name": name, "path": f"/Objects/line:Line1/line:{browse}"} for name, browse in PATHS]
    tags.append({"name": "id", "node": "line;s=ById"})
    seen = watch(source(opcua.url, tmp_path, tags), 10, everything(5))
    latest = seen.latest()
    assert {name: latest[name].value for name in ("t", "c", "x", "id")} == {"t": 20.5, "c": 7, "x": "양품", "id": 42}
    assert latest["r"].quality & 0xFFFF0000 == q.UNCERTAIN_LAST_USABLE
    sample = latest["t"]
    assert sample.source_time and abs(sample.receive_time - sample.source_time) < 60e9
    assert sample.server_time is None or abs(sample.receive_time - sample.server_time) < 60e9  # node-opcua leaves it open at first
    assert opcua.tell(sessions=True)["sessions"] == 0  # closed behind us


def test_changes_arrive_in_order_and_none_is_left_out(opcua: Any, tmp_path: Path, watch: Watch) -> None:
    tags = [{"name": f"v{i}", "path": f"/Objects/line:Line1/line:v{i}", "sampling": 0, "queue": 100} for i in range(20)]

    def until(seen: Seen) -> bool:
        if len(seen.samples) == 20:
            opcua.tell(change={"count": 20, "ms": 200, "until": 10})
            seen.samples.append(Sample("begun", 1, 0, None, None, 0))
        return len(seen.samples) > 20 and all(sample.value == 10 for name, sample in seen.latest().items() if name != "begun")

    seen = watch(source(opcua.url, tmp_path, tags), 15, until)
    for i in range(20):
        assert [sample.value for sample in of(seen, f"v{i}")] == list(range(11))
    assert seen.losses == []


def test_an_overflow_of_the_servers_queue_is_kept_in_the_quality_and_counted(opcua: Any, tmp_path: Path, watch: Watch) -> None:
    tags = [{"name": "v0", "path": "/Objects/line:Line1/line:v0", "sampling": 0, "queue": 2}]

    def until(seen: Seen) -> bool:
        if len(seen.samples) == 1:
            opcua.tell(change={"count": 1, "ms": 10, "until": 100})
            seen.samples.append(Sample("begun", 1, 0, None, None, 0))
        return bool(seen.losses)

    seen = watch(source(opcua.url, tmp_path, tags, interval=0.5), 15, until)
    assert any(sample.quality & q.OVERFLOW == q.OVERFLOW for sample in of(seen, "v0"))
    assert seen.losses[0] == (1, "device_overflow", "v0")


def test_a_plc_that_restarts_with_new_node_ids_is_found_again_by_path(
    start_opcua: Callable[..., Any], tmp_path: Path, watch: Watch
) -> None:
    first = start_opcua(seed=0)
    one = source(first.url, tmp_path)

    def until(seen: Seen) -> bool:
        if len(seen.latest()) == 4:
            first.stop()
        return False

    with pytest.raises(PlantError) as caught:
        watch(one, 30, until)
    assert caught.value.status == 701
    second = start_opcua(port=first.port, seed=3)  # other ids, other namespace index
    second.tell(set={"Temperature": 31.5})
    seen = watch(one, 15, everything(4))
    assert seen.latest()["t"].value == 31.5 and not seen.troubles


def test_a_missing_node_is_bad_once_and_the_others_flow(opcua: Any, tmp_path: Path, watch: Watch) -> None:
    tags = [{"name": "t", "path": "/Objects/line:Line1/line:Temperature"}, {"name": "gone", "path": "/Objects/line:Line1/line:Nothing"}]
    tags += [{"name": "alias", "path": "/Objects/other:X"}, {"name": "id", "node": "line;s=None"}]
    seen = watch(source(opcua.url, tmp_path, tags), 3, lambda seen: len(seen.samples) >= 4 and bool(of(seen, "t")))
    assert of(seen, "t")[0].value == 20.5
    assert [sample.quality for sample in of(seen, "gone")] == [q.BAD_NODE_ID_UNKNOWN]
    assert [sample.quality for sample in of(seen, "alias")] == [q.BAD_NODE_ID_UNKNOWN]
    assert [sample.quality for sample in of(seen, "id")] == [q.BAD_NODE_ID_UNKNOWN]
    assert set(seen.troubles) == {"gone", "alias", "id"}


@pytest.mark.parametrize("what", ["subscriptions", "sessions"])
def test_when_the_server_ends_subscription_or_session_the_source_says_so(opcua: Any, tmp_path: Path, watch: Watch, what: str) -> None:
    def until(seen: Seen) -> bool:
        if len(seen.latest()) == 4 and "told" not in seen.marks:
            seen.marks["told"] = "1"
            opcua.tell(kill=what)
        return False

    with pytest.raises(PlantError) as caught:
        watch(source(opcua.url, tmp_path), 40, until)
    assert caught.value.status == 701


def test_attempts_leave_no_sessions_behind(opcua: Any, tmp_path: Path, watch: Watch) -> None:
    for _ in range(8):  # the server allows five
        watch(source(opcua.url, tmp_path), 5, everything(4))
    assert opcua.tell(sessions=True) == {"sessions": 0, "subscriptions": 0}


def test_a_server_whose_sessions_are_all_taken_is_told_and_works_when_one_is_free(opcua: Any, tmp_path: Path, watch: Watch) -> None:
    async def crowded() -> None:
        others = [Client(opcua.url) for _ in range(5)]
        for other in others:
            await other.connect()
        with pytest.raises(PlantError) as caught:
            await asyncio.wait_for(source(opcua.url, tmp_path).run(Seen()), 15)
        assert caught.value.status == 701 and "TooManySessions" in caught.value.found
        for other in others:
            await other.disconnect()

    asyncio.run(crowded())
    watch(source(opcua.url, tmp_path), 10, everything(4))
    assert opcua.tell(sessions=True) == {"sessions": 0, "subscriptions": 0}


def test_a_tag_that_must_move_and_does_not_is_subscribed_again_and_then_bad(opcua: Any, tmp_path: Path, watch: Watch) -> None:
    tags = [{"name": "t", "path": "/Objects/line:Line1/line:Temperature", "stale_after": 1}]
    seen = watch(source(opcua.url, tmp_path, tags), 12, lambda seen: any(q.is_bad(s.quality) for s in seen.samples))
    assert [(s.value, q.is_bad(s.quality)) for s in seen.samples] == [(20.5, False), (20.5, False), (None, True)]


@pytest.mark.parametrize("policy", ["Basic256Sha256", "Aes256Sha256RsaPss"])
def test_an_encrypted_session_with_user_and_password(opcua: Any, tmp_path: Path, watch: Watch, policy: str) -> None:
    (tmp_path / "password").write_text("secret\n", encoding="utf-8")
    options = {"security": policy, "user": "collector", "password_file": str(tmp_path / "password")}
    seen = watch(source(opcua.url, tmp_path, **options), 15, everything(4))
    assert seen.latest()["t"].value == 20.5
    (tmp_path / "password").write_text("wrong", encoding="utf-8")
    with pytest.raises(PlantError):
        watch(source(opcua.url, tmp_path, **options), 15)


def test_a_server_that_shows_another_certificate_is_refused(opcua: Any, tmp_path: Path, watch: Watch) -> None:
    options = {"security": "Basic256Sha256"}
    watch(source(opcua.url, tmp_path, **options), 15, everything(4))
    remembered = tmp_path / "pki" / "ua.server.der"
    raw = bytearray(remembered.read_bytes())
    raw[-1] ^= 1
    remembered.write_bytes(raw)
    with pytest.raises(PlantError, match="certificate"):
        watch(source(opcua.url, tmp_path, **options), 15)


def test_nobody_there_is_told_quickly(tmp_path: Path, watch: Watch) -> None:
    with pytest.raises(PlantError) as caught:
        watch(source("opc.tcp://127.0.0.1:1", tmp_path), 10)
    assert caught.value.status == 701


def test_browse_lists_variables_with_a_configuration_that_works(opcua: Any, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lnx_collector"]
    environment = {**os.environ, "LNX_LANG": "en"}
    printed = subprocess.run(
        [*command, "browse", opcua.url, "--path", "/Objects"], capture_output=True, text=True, env=environment, timeout=120, check=True
    ).stdout
    assert 'path = "/Objects/ns2:Line1/ns2:Temperature"' in printed and 'ns2 = "urn:factory:line1"' in printed
    proposed = tmp_path / "proposed.toml"
    proposed.write_text(printed, encoding="utf-8")
    probed = subprocess.run([*command, "probe", str(proposed)], capture_output=True, text=True, env=environment, timeout=120, check=False)
    assert probed.returncode == 0, probed.stdout + probed.stderr
