"""The agent under the Windows service control manager (pywin32).

The service reports that it runs before it opens anything, so a slow disk at boot never makes the manager give up on it; it stops
within five seconds; the manager restarts it 1 s, 5 s and 60 s after a crash. Its settings file is a parameter in the registry.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnx_common.errors import PlantError
from lnx_common.service import StopSignal

SERVICE_REFUSED = 624
NAME = "LnxAgent"
DISPLAY = "LNX Edge Agent (시스템 로그 전송)"
RESTARTS_MS = (1_000, 5_000, 60_000)


def _pywin32(name: str) -> Any:
    """A module of pywin32, which exists on Windows alone."""
    return importlib.import_module(name) if sys.platform == "win32" else None


servicemanager, win32service, win32serviceutil = (_pywin32(name) for name in ("servicemanager", "win32service", "win32serviceutil"))
if TYPE_CHECKING:

    class Framework:
        """What pywin32's ServiceFramework is to us."""

        def __init__(self, arguments: object) -> None: ...
        def ReportServiceStatus(self, status: int, waitHint: int = 0) -> None: ...  # noqa: N802, N803

else:
    Framework = win32serviceutil.ServiceFramework if win32serviceutil is not None else object


class AgentService(Framework):
    """What the service control manager starts."""

    _svc_name_ = NAME
    _svc_display_name_ = DISPLAY
    _svc_description_ = "Delivers the system log and proves that it is complete."

    def __init__(self, arguments: Any) -> None:
        super().__init__(arguments)
        self._stop = StopSignal()

    def SvcStop(self) -> None:  # noqa: N802
        self.ReportServiceStatus(win32service.SERVICE_STOP_PENDING, waitHint=5000)
        self._stop.set()

    SvcShutdown = SvcStop

    def SvcDoRun(self) -> None:  # noqa: N802
        from lnx_agent.main import run_agent

        servicemanager.LogMsg(servicemanager.EVENTLOG_INFORMATION_TYPE, servicemanager.PYS_SERVICE_STARTED, (NAME, ""))
        run_agent(Path(win32serviceutil.GetServiceCustomOption(NAME, "config")), self._stop)


def install(config: Path) -> list[str]:
    """Registers and starts the service. Raises PlantError 624 without the rights for it."""
    try:
        win32serviceutil.InstallService(
            f"{__name__}.AgentService", NAME, DISPLAY, startType=win32service.SERVICE_AUTO_START, delayedstart=True
        )
        win32serviceutil.SetServiceCustomOption(NAME, "config", str(config))
        _restart_after_crash()
        win32serviceutil.StartService(NAME)
    except Exception as error:  # pywintypes.error exists on Windows alone
        raise PlantError(SERVICE_REFUSED, where=NAME, found=str(error)) from error
    return [DISPLAY]


def uninstall() -> list[str]:
    """Stops and removes the service; the log stays."""
    try:
        win32serviceutil.StopService(NAME)
    except Exception as error:
        if "1062" not in str(error):  # it was not running
            raise PlantError(SERVICE_REFUSED, where=NAME, found=str(error)) from error
    try:
        win32serviceutil.RemoveService(NAME)
    except Exception as error:
        raise PlantError(SERVICE_REFUSED, where=NAME, found=str(error)) from error
    return [DISPLAY]


def _restart_after_crash() -> None:
    manager = win32service.OpenSCManager(None, None, win32service.SC_MANAGER_ALL_ACCESS)
    service = win32service.OpenService(manager, NAME, win32service.SERVICE_ALL_ACCESS)
    try:
        actions = [(win32service.SC_ACTION_RESTART, wait) for wait in RESTARTS_MS]
        failure = {"ResetPeriod": 86400, "RebootMsg": "", "Command": "", "Actions": actions}
        win32service.ChangeServiceConfig2(service, win32service.SERVICE_CONFIG_FAILURE_ACTIONS, failure)
    finally:
        win32service.CloseServiceHandle(service)
        win32service.CloseServiceHandle(manager)
