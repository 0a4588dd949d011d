"""The agent as a service of the system: a systemd unit, or a Windows service.

Both restart it after a crash, start it without waiting for the network (the event files are the buffer), give it five seconds to stop,
and bound its memory and its own log. systemd reads the secrets that agent.toml names and hands them over as credentials, out of
reach of every other process; a core dump, which would hold them, is not written.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lnx_common.errors import PlantError

from lnx_agent.config import AgentSettings, load_agent

SERVICE_REFUSED = 624
NAME = "lnx-agent"
LINK = Path("/usr/bin/lnx-agent")
UNIT_PATH = Path("/etc/systemd/system") / f"{NAME}.service"
TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # what PrivateTmp hides
UNIT = """[Unit]
Description=LNX Edge agent: delivers the system log and proves that it is complete
After=local-fs.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={program} {config}
WorkingDirectory={folder}
{credentials}Restart=always
RestartSec=1
TimeoutStopSec=5
WatchdogSec=120
StateDirectory=lnx
MemoryHigh=384M
MemoryMax=512M
TasksMax=64
LimitCORE=0
Nice=5
IOSchedulingClass=best-effort
IOSchedulingPriority=6
NoNewPrivileges=yes
ProtectSystem=full
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
PrivateTmp=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
LogRateLimitIntervalSec=60
LogRateLimitBurst=200

[Install]
WantedBy=multi-user.target
"""


def unit_text(config: Path) -> str:
    """The systemd unit for a configuration file. Raises ConfigError or PlantError when the file is no good."""
    config = config.resolve()
    secrets = secret_files(load_agent(config))
    credentials = "".join(f"LoadCredential={_escaped(path.name)}:{_escaped(str(path))}\n" for path in secrets)
    words = program_words()
    program = " ".join(_quoted(word) for word in words)
    unit = UNIT.format(program=program, config=_quoted(str(config)), folder=_escaped(str(config.parent)), credentials=credentials)
    hidden = any(_is_temporary(path) for path in (Path(words[0]), Path(__file__), config))
    return unit.replace("PrivateTmp=yes\n", "") if hidden else unit


def program_words() -> list[str]:
    """What runs the agent: Python with the module, or the packaged program; by the link of the Debian package, which outlives updates."""
    if not getattr(sys, "frozen", False):
        return [sys.executable, "-m", "lnx_agent.main"]
    program = Path(sys.executable).with_name("lnx-agent")
    linked = LINK.exists() and LINK.resolve() == program.resolve()
    return [str(LINK if linked else program), "run"]


def secret_files(settings: AgentSettings) -> list[Path]:
    """Files with secrets that the settings name. Of several with one name none: a credential is known by its name alone."""
    names = ("token_file", "password_file", "key_file")
    found = {path for uplink in settings.uplink for name in names if (path := getattr(uplink, name, None)) is not None}
    return sorted(path for path in found if sum(1 for other in found if other.name == path.name) == 1)


def _is_temporary(path: Path) -> bool:
    """Whether a file lies where a service with a /tmp of its own would not find it."""
    return any(path.is_relative_to(folder) for folder in TEMPORARY)


def _escaped(path: str) -> str:
    return path.replace("%", "%%")


def _quoted(path: str) -> str:
    text = _escaped(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"' if " " in text else text


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
