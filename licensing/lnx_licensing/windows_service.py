"""The smart-card service of Windows, asked by `sc.exe`, which every account may run; no setup API, no rights, nothing to install."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from typing import Literal

from lnx_licensing import pcsc
from lnx_licensing.findings import Finding, found

SERVICE = "SCardSvr"
State = Literal["running", "stopped", "disabled", "missing", "unknown"]
STOPPED, RUNNING = 1, 4
DISABLED = 4
NO_SUCH_SERVICE = 1060
Ask = Callable[..., str]


def _sc(*words: str) -> str:
    finished = subprocess.run(["sc.exe", *words], capture_output=True, text=True, errors="replace", check=False, timeout=20)
    return finished.stdout + finished.stderr


def _number(text: str, *names: str) -> int | None:
    """The number after a field's name. The name is translated on some systems; then the line is found by its place in the answer."""
    for name in names:
        match = re.search(rf"\b{name}\s*:\s*(\d+)", text)
        if match:
            return int(match.group(1))
    return None


def state(ask: Ask = _sc) -> State:
    """What the service does, by the numbers in the answers, which are the same in every language."""
    told = ask("query", SERVICE)
    if str(NO_SUCH_SERVICE) in told and "STATE" not in told:
        return "missing"
    now = _number(told, "STATE", "상태")
    if now == RUNNING:
        return "running"
    if _number(ask("qc", SERVICE), "START_TYPE", "시작_유형") == DISABLED:
        return "disabled"
    return "stopped" if now == STOPPED else "unknown"


def examine(ask: Ask = _sc) -> list[Finding]:
    """What can be said on Windows before PC/SC is asked. A stopped service alone is no fault: it starts with the first reader."""
    findings = [found("remote-session")] if pcsc.in_remote_session() else []
    if state(ask) in ("disabled", "missing"):
        findings.append(found("service-disabled"))
    return findings
