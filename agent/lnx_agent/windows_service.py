"""The agent as a Windows service: what it is called, what it runs, and a settings file to begin with."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from lnx_common import windows_control
from lnx_common.service import StopSignal
from lnx_common.windows_service import Service

__all__ = ["SERVICE", "install", "uninstall"]


def _run(config: Path, stop: StopSignal) -> None:
    from lnx_agent.main import run_agent

    run_agent(config, stop)


def _sample() -> str:
    return files("lnx_agent").joinpath("sample.toml").read_text(encoding="utf-8")


SERVICE = Service(
    name="LnxAgent",
    display="LNX Edge Agent (시스템 로그 전송)",
    description="Delivers the system log and proves that it is complete. 시스템 로그를 전송하고 누락이 없음을 증명합니다.",
    program="agent",
    module="lnx_agent.program",
    sample=_sample,
    run=_run,
)


def install(config: Path) -> list[str]:
    """Registers and starts the service for a settings file. Raises PlantError 624 without the rights for it."""
    windows_control.install(SERVICE, config)
    windows_control.start(SERVICE)
    return [SERVICE.display]


def uninstall() -> list[str]:
    """Stops and removes the service; the log stays."""
    windows_control.remove(SERVICE)
    return [SERVICE.display]
