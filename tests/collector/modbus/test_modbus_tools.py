"""`lnx collect scan` and `orders` against libmodbus."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

from lnx_collector.config import load_config


def collect(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lnx_collector", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "LNX_LANG": "en", "COLUMNS": "200"}
    )


def test_a_scan_finds_devices_and_readable_ranges_and_proposes_a_configuration_that_works(server: Any, tmp_path: Path) -> None:
    server.registers("h", 0, [5, 0, 7])
    server.tell("silent 1", "silent 3", "hole 20 29")
    where = f"127.0.0.1:{server.port}"
    options = ("-d", 1, "-d", 2, "-d", 3, "--last", 63, "--pause", 0.01, "--timeout", 0.1)
    found = json.loads(collect("scan", where, *options, "--json").stdout)
    assert [(one["device"], one["ranges"]) for one in found] == [(2, [[0, 19], [30, 63]])]
    path = tmp_path / "proposed.toml"
    path.write_text(collect("scan", where, *options).stdout, encoding="utf-8")
    source: Any = load_config(path).sources[0]
    assert [tag.address for tag in source.tag] == [0, 2]
    assert [(hole.first, hole.last) for hole in source.hole] == [(20, 29)]
    assert collect("probe", path).returncode == 0


def test_a_scan_gives_up_where_a_device_has_nothing(server: Any) -> None:
    server.tell("hole 0 65535")
    before = server.requests()
    found = json.loads(collect("scan", f"127.0.0.1:{server.port}", "-d", 1, "--last", 60000, "--pause", 0.01, "--json").stdout)
    assert found[0]["ranges"] == [] and "refusals" in found[0]["stopped"]
    assert server.requests() - before < 50


def test_the_order_that_fits_what_the_panel_shows_comes_first(server: Any) -> None:
    words = struct.unpack(">HH", struct.pack(">f", 72.31))
    server.registers("h", 100, [words[1], words[0], 0, 0])
    listed = json.loads(collect("orders", f"127.0.0.1:{server.port}", "--address", 100, "--expected", 72.3, "--json").stdout)
    assert (listed[0]["type"], listed[0]["order"]) == ("float32", "CDAB")
    by_hand = json.loads(collect("orders", "-r", words[0], "-r", words[1], "-e", 72, "--json").stdout)
    assert (by_hand[0]["type"], by_hand[0]["order"]) == ("float32", "ABCD")
    assert "LNX-701" in collect("orders", "127.0.0.1:1").stderr
