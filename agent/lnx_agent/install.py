"""The agent as a service of the system: a systemd unit, or a Windows service.

Both restart it after a crash (at once, then after 5 s), start it without waiting for the network (the journal is the buffer), give it
five seconds to stop, and bound its memory and its own log.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lnx_common.errors import PlantError

SERVICE_REFUSED = 624
NAME = "lnx-agent"
UNIT_PATH = Path("/etc/systemd/system") / f"{NAME}.service"
UNIT = """[Unit]
Description=LNX Edge agent: delivers the system log and proves that it is complete
After=local-fs.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={python} -m lnx_agent.main {config}
Restart=always
RestartSec=5
TimeoutStopSec=5
WatchdogSec=120
StateDirectory=lnx
MemoryMax=512M
TasksMax=64
Nice=5
IOSchedulingClass=best-effort
IOSchedulingPriority=6
NoNewPrivileges=yes
ProtectSystem=full
PrivateTmp=yes
LogRateLimitIntervalSec=60
LogRateLimitBurst=200

[Install]
WantedBy=multi-user.target
"""


def unit_text(config: Path, python: str = sys.executable) -> str:
    """The systemd unit for a configuration file."""
    return UNIT.format(python=_quoted(python), config=_quoted(str(config)))


def _quoted(path: str) -> str:
    return f'"{path}"' if " " in path else path


def install(config: Path) -> list[str]:
    """Installs and starts the service; returns what was done. Raises PlantError 624 when the system refuses."""
    if sys.platform == "win32":
        from lnx_agent import windows_service

        return windows_service.install(config)
    try:
        UNIT_PATH.write_text(unit_text(config), encoding="utf-8")
    except OSError as error:
        raise PlantError(SERVICE_REFUSED, where=str(UNIT_PATH), found=error.strerror or str(error)) from error
    for words in (["systemctl", "daemon-reload"], ["systemctl", "enable", "--now", f"{NAME}.service"]):
        _call(words)
    return [str(UNIT_PATH), f"systemctl status {NAME}"]


def uninstall() -> list[str]:
    """Stops and removes the service; the log stays where it is."""
    if sys.platform == "win32":
        from lnx_agent import windows_service

        return windows_service.uninstall()
    _call(["systemctl", "disable", "--now", f"{NAME}.service"])
    try:
        UNIT_PATH.unlink(missing_ok=True)
    except OSError as error:
        raise PlantError(SERVICE_REFUSED, where=str(UNIT_PATH), found=error.strerror or str(error)) from error
    _call(["systemctl", "daemon-reload"])
    return [str(UNIT_PATH)]


def _call(words: list[str]) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError as error:
        raise PlantError(SERVICE_REFUSED, where=" ".join(words), found=str(error)) from error
    if done.returncode != 0:
        raise PlantError(SERVICE_REFUSED, where=" ".join(words), found=done.stderr.strip()[:500])
