"""A plant on Windows for the tests: the agent's service under Wine's manager, its receiver here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from agent_plant import TOKEN
from lnx_common.events import EventFile

from tools.dev.wine import Wine, windows_path

LONG = 90.0  # Wine on a busy machine; conditions are waited for, never times


def windows_agent_toml(folder: Path, url: str) -> Path:
    """agent.toml of a plant, impatient in everything, with the paths as Windows sees them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token.txt").write_text(TOKEN, encoding="ascii")
    text = f"""
data = '{windows_path(folder / "데이터")}'
events = ['{windows_path(folder / "이벤트")}']
reserve = "1MB"
[identity]
solution = "표면 검사"
site = "P001"
[seal]
after = "2s"
size = "100kB"
checkpoint = "1s"
heartbeat = "1s"
[[uplink]]
kind = "otlp_http"
name = "agency"
url = "{url}"
token_file = 'token.txt'
timeout = "20s"
[uplink.retry]
first = "50ms"
longest = "200ms"
probe = "200ms"
"""
    path = folder / "agent.toml"
    path.write_text(text, encoding="utf-8")
    (folder / "이벤트").mkdir(exist_ok=True)
    return path


def linux_pid(programs: Path, program: str) -> int:
    """The process of this machine in which a Windows program runs; 0 for none."""
    wanted = windows_path(programs / program).encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0] == wanted and b"host" in words:
                return int(entry.name)
    return 0


class ServiceProgram:
    """`lnx-agent.exe service …` or `lnx-collector.exe service …` of one folder of programs."""

    def __init__(self, wine: Wine, programs: Path, program: str) -> None:
        self._wine, self.programs, self.program = wine, programs, f"{program}.exe"

    def __call__(self, *words: str | Path, code: int = 0, env: dict[str, str] | None = None) -> dict[str, Any]:
        """Runs a verb with --json; its answer."""
        done = self._wine.run(self.programs / self.program, "service", *words, "--json", env={"LNX_LANG": "en", **(env or {})}, timeout=300)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return answer


class Program:
    """An inspection program that writes numbered events; all of them must arrive."""

    def __init__(self, folder: Path) -> None:
        self._events = EventFile("press", folder)
        self.written = 0

    def write(self, count: int) -> None:
        for _ in range(count):
            self._events.write("lnx.error", {"status": self.written, "model": "m"})
            self.written += 1

    def arrived(self, bodies: dict[Any, Any]) -> set[int]:
        """The numbers of ours that a receiver has."""
        found = set()
        for record in bodies.values():
            if record.event == "lnx.error":
                found.add(int(record.attributes["status"]))
        return found
