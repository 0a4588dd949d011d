"""A service under the Windows service control manager (pywin32), the same for agent and collector.

The process reports that it runs before it opens anything, so a slow disk at boot never makes the manager give up on it; it reports
that it has stopped within five seconds of being asked, whatever its work does, because a process that vanishes while stopping counts as
crashed and would be restarted. What it has to say at start, stop and failure goes to the Application log of Windows.

Invariants: the settings file is a value in the registry, so that another program folder can take the service over without it; the
exit code of a failure is never 0, so the manager restarts it.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnx_common.errors import PlantError
from lnx_common.service import STOP_WITHIN_S, StopSignal
from lnx_common.windows_eventlog import ERROR, INFORMATION, report

__all__ = ["HOST_WORDS", "Service", "config_of", "host", "set_config"]

HOST_WORDS = ("service", "host")  # the words after the program's name in ImagePath
PARAMETERS = r"SYSTEM\CurrentControlSet\Services\{}\Parameters"
FAILED = 1
NEVER_STARTED_BY_MANAGER = 1063  # ERROR_FAILED_SERVICE_CONTROLLER_CONNECT


@dataclass(frozen=True)
class Service:
    """One of our services. ``run`` works until the signal is set; it gets the settings file."""

    name: str
    display: str
    description: str
    program: str
    """"agent" or "collector": its settings file and its data folder."""
    module: str
    """Module to run with -m where there is no packaged program."""
    sample: Callable[[], str]
    """Text of a settings file to begin with."""
    run: Callable[[Path, StopSignal], None]


def _pywin32(name: str) -> Any:
    """A module of pywin32, which exists on Windows alone."""
    return importlib.import_module(name) if sys.platform == "win32" else None


servicemanager, win32service, win32serviceutil = (_pywin32(name) for name in ("servicemanager", "win32service", "win32serviceutil"))
if TYPE_CHECKING:

    class Framework:
        """What pywin32's ServiceFramework is to us."""

        def __init__(self, arguments: object) -> None: ...
        def ReportServiceStatus(self, status: int, waitHint: int = 0, win32ExitCode: int = 0, svcExitCode: int = 0) -> None: ...  # noqa: N802, N803

else:
    Framework = win32serviceutil.ServiceFramework if win32serviceutil is not None else object


class _Hosted(Framework):
    """What the manager talks to. One per process."""

    service: Service
    _svc_name_ = ""

    def __init__(self, arguments: Any) -> None:
        super().__init__(arguments)
        self._stop = StopSignal()
        self._ended = threading.Event()

    def SvcStop(self) -> None:  # noqa: N802
        self.ReportServiceStatus(win32service.SERVICE_STOP_PENDING, waitHint=5000)
        self._stop.set()
        threading.Thread(target=self._end_in_time, daemon=True).start()

    SvcShutdown = SvcStop

    def _end_in_time(self) -> None:
        """Everything that matters is on the disk already: a process that cannot end itself is ended, as stopped and not as crashed."""
        if not self._ended.wait(STOP_WITHIN_S):
            self.ReportServiceStatus(win32service.SERVICE_STOPPED)
            os._exit(0)

    def SvcRun(self) -> None:  # noqa: N802
        self.ReportServiceStatus(win32service.SERVICE_RUNNING)
        failure = self._work()
        self._ended.set()
        if failure:
            report(self.service.name, ERROR, failure)
            self.ReportServiceStatus(win32service.SERVICE_STOPPED, win32ExitCode=1066, svcExitCode=FAILED)
            os._exit(FAILED)  # 1066 says: see the service's own code
        report(self.service.name, INFORMATION, f"{self.service.name} stopped")
        self.ReportServiceStatus(win32service.SERVICE_STOP_PENDING)

    def _work(self) -> str:
        """Runs the service; returns why it failed."""
        try:
            config = Path(config_of(self.service.name))
            report(self.service.name, INFORMATION, f"{self.service.name} started: {sys.executable} {config}")
            self.service.run(config, self._stop)
        except PlantError as error:
            return error.text()
        except BaseException:
            return traceback.format_exc()
        return ""


def config_of(name: str) -> str:
    """The settings file that the registry names for a service; "" for none. Read with the rights of a plain account: pywin32's own
    function asks for the right to create the key, which LocalService does not have.
    """
    if sys.platform != "win32":
        return ""
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, PARAMETERS.format(name)) as key:
            return str(winreg.QueryValueEx(key, "config")[0])
    except OSError:
        return ""


def set_config(name: str, path: Path) -> None:
    """Writes it. Raises OSError without the rights for it."""
    if sys.platform == "win32":
        import winreg

        with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, PARAMETERS.format(name)) as key:
            winreg.SetValueEx(key, "config", 0, winreg.REG_SZ, str(path))


def host(service: Service) -> int:
    """Runs as what the manager started; returns when the service has stopped. Exit code 2 when a person started it."""
    if sys.platform != "win32":
        return 2
    kind = type(service.name, (_Hosted,), {"service": service, "_svc_name_": service.name})
    servicemanager.Initialize()
    servicemanager.PrepareToHostSingle(kind)
    try:
        servicemanager.StartServiceCtrlDispatcher()
    except win32service.error as error:
        if error.winerror != NEVER_STARTED_BY_MANAGER:
            raise
        sys.stderr.write(f"{service.name} is started by the service manager: service start\n")
        return 2
    return 0
