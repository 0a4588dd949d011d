"""Installs, starts, stops and removes our Windows services.

`install` on a PC that has the service already points it at this program instead: its command line is one value of the registry, so a power
cut leaves the old program or the new one in charge, never neither. Settings file and account stay as they are unless told otherwise.
The manager starts it some time after the boot (delayed), and restarts it 1 s, 5 s and 60 s after it crashed or ended with an error.

Invariants: every verb may be repeated; no verb but `remove(delete=True)` touches data.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from lnx_common.errors import PlantError
from lnx_common.files import write_durably
from lnx_common.programdata import config_file, delete_data, make_layout
from lnx_common.windows_eventlog import register, unregister
from lnx_common.windows_service import HOST_WORDS, Service, config_of, set_config, win32service, win32serviceutil

__all__ = ["DEFAULT_ACCOUNT", "RESTARTS_MS", "State", "install", "remove", "start", "status", "stop"]

SERVICE_REFUSED = 624
RESTARTS_MS = (1_000, 5_000, 60_000)
FAILURE_ACTIONS_FLAG = 4  # SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, which pywin32 does not name
DEFAULT_ACCOUNT = r"NT AUTHORITY\LocalService"
STOP_WAIT_S = 10.0
POLL_S = 0.1
ABSENT, MARKED_FOR_DELETE, NOT_RUNNING, RUNNING_ALREADY = 1060, 1072, 1062, 1056
STOPPING_ALREADY, PIPE_CLOSED = 1061, 232  # the second when its process has just died
UNKNOWN_LEVEL = 124  # ERROR_INVALID_LEVEL
STATES = {1: "stopped", 2: "starting", 3: "stopping", 4: "running", 5: "continuing", 6: "pausing", 7: "paused"}


@dataclass(frozen=True)
class State:
    """How a service is. ``state`` is "absent" when Windows does not know it."""

    name: str
    state: str
    pid: int = 0
    command: str = ""
    account: str = ""
    config: str = ""


def command_line(service: Service) -> str:
    """What the manager is to run: this packaged program, or Python with the module."""
    if getattr(sys, "frozen", False):
        program = [f'"{Path(sys.executable).with_name(f"lnx-{service.program}.exe")}"']  # also when `lnx agent install` asks
    else:
        program = [f'"{sys.executable}"', "-m", service.module]
    return " ".join([*program, *HOST_WORDS])


def install(service: Service, config: Path | None = None, account: str = "") -> tuple[State, bool]:
    """Registers the service, or points the one that is there at this program. Returns how it is, and whether its settings are still the
    sample (such a one is better not started). Raises PlantError 624, 621 or 602.
    """
    with _refusals(service):
        before = status(service)
        path = config or (Path(before.config) if before.config else config_file(service.program))
        user = account or before.account or DEFAULT_ACCOUNT
        make_layout("" if user in (DEFAULT_ACCOUNT, "LocalSystem") else user)
        if not path.exists():
            write_durably(path, service.sample().encode())
        register(service.name)
        manager = win32service.OpenSCManager(None, None, win32service.SC_MANAGER_ALL_ACCESS)
        try:
            handle = _point(manager, service, user, changed=bool(account))
            try:
                _configure(handle, service)
            finally:
                win32service.CloseServiceHandle(handle)
        finally:
            win32service.CloseServiceHandle(manager)
        set_config(service.name, path.absolute())
        return status(service), path.read_text(encoding="utf-8", errors="replace") == service.sample()


def _point(manager: Any, service: Service, account: str, *, changed: bool) -> Any:
    """Creates the service or changes its command line; returns its handle."""
    kind, when, on_error = win32service.SERVICE_WIN32_OWN_PROCESS, win32service.SERVICE_AUTO_START, win32service.SERVICE_ERROR_NORMAL
    line = command_line(service)
    try:
        handle = win32service.OpenService(manager, service.name, win32service.SERVICE_ALL_ACCESS)
    except win32service.error as error:
        if error.winerror != ABSENT:
            raise
        all_access = win32service.SERVICE_ALL_ACCESS
        return win32service.CreateService(
            manager, service.name, service.display, all_access, kind, when, on_error, line, None, 0, None, account, None
        )
    user = account if changed else None
    win32service.ChangeServiceConfig(handle, kind, when, on_error, line, None, 0, None, user, "" if changed else None, service.display)
    return handle


def _configure(handle: Any, service: Service) -> None:
    """Description, delayed start, and restarts after crashes and after ends with an error."""
    failure = {
        "ResetPeriod": 86400,
        "RebootMsg": "",
        "Command": "",
        "Actions": [(win32service.SC_ACTION_RESTART, wait) for wait in RESTARTS_MS],
    }
    for level, value in (
        (win32service.SERVICE_CONFIG_DESCRIPTION, service.description),
        (win32service.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, True),
        (win32service.SERVICE_CONFIG_FAILURE_ACTIONS, failure),
        (FAILURE_ACTIONS_FLAG, True),
    ):
        try:
            win32service.ChangeServiceConfig2(handle, level, value)
        except win32service.error as error:
            if error.winerror != UNKNOWN_LEVEL:
                raise  # Wine's manager knows fewer levels; every Windows knows all four


def start(service: Service) -> State:
    """Starts the service and waits until the manager says that it runs. Raises PlantError 624."""
    with _refusals(service):
        try:
            win32serviceutil.StartService(service.name)
        except win32service.error as error:
            if error.winerror != RUNNING_ALREADY:
                raise
        return _wait(service, "running")


def stop(service: Service) -> State:
    """Stops the service; one that does not end within ten seconds is killed, which loses nothing. Raises PlantError 624."""
    with _refusals(service):
        before = status(service)
        try:
            win32serviceutil.StopService(service.name)
        except win32service.error as error:
            if error.winerror not in (ABSENT, NOT_RUNNING, STOPPING_ALREADY, PIPE_CLOSED):
                raise
        after = _wait(service, "stopped", "absent", fail=False)
        if after.state not in ("stopped", "absent") and before.pid and psutil.pid_exists(before.pid):
            psutil.Process(before.pid).kill()
            after = _wait(service, "stopped", "absent")
        if before.pid and psutil.pid_exists(before.pid):  # the manager says "stopped" a little before the files are free
            psutil.wait_procs([psutil.Process(before.pid)], timeout=STOP_WAIT_S)
        return after


def remove(service: Service, *, delete: bool = False) -> State:
    """Stops and unregisters the service; its data stays unless ``delete``. Raises PlantError 624 or 621."""
    stop(service)
    with _refusals(service):
        _delete(service)
        unregister(service.name)
    if delete:
        delete_data(service.program)
    return status(service)


def _delete(service: Service) -> None:
    manager = win32service.OpenSCManager(None, None, win32service.SC_MANAGER_CONNECT)
    try:
        handle = win32service.OpenService(manager, service.name, win32service.SERVICE_ALL_ACCESS)
        try:
            win32service.DeleteService(handle)
        finally:
            win32service.CloseServiceHandle(handle)
    except win32service.error as error:
        if error.winerror not in (ABSENT, MARKED_FOR_DELETE):
            raise
    finally:
        win32service.CloseServiceHandle(manager)


def status(service: Service) -> State:
    """How the service is; never fails for one that is not there."""
    manager = win32service.OpenSCManager(None, None, win32service.SC_MANAGER_CONNECT)
    try:
        access = win32service.SERVICE_QUERY_STATUS | win32service.SERVICE_QUERY_CONFIG
        try:
            handle = win32service.OpenService(manager, service.name, access)
        except win32service.error as error:
            if error.winerror != ABSENT:
                raise
            return State(service.name, "absent")
        try:
            now, config = win32service.QueryServiceStatusEx(handle), win32service.QueryServiceConfig(handle)
        finally:
            win32service.CloseServiceHandle(handle)
    finally:
        win32service.CloseServiceHandle(manager)
    return State(service.name, STATES.get(now["CurrentState"], "?"), now["ProcessId"], config[3], config[7], config_of(service.name))


def described(state: State) -> dict[str, Any]:
    """For JSON."""
    return asdict(state)


def _wait(service: Service, *wanted: str, fail: bool = True) -> State:
    deadline = time.monotonic() + STOP_WAIT_S
    while (now := status(service)).state not in wanted and time.monotonic() < deadline:
        time.sleep(POLL_S)
    if fail and now.state not in wanted:
        raise PlantError(SERVICE_REFUSED, where=service.name, found=now.state, expected=" / ".join(wanted))
    return now


@contextmanager
def _refusals(service: Service) -> Iterator[None]:
    """Turns what Windows says into PlantError 624."""
    try:
        yield
    except PlantError:
        raise
    except Exception as error:  # pywintypes.error exists on Windows alone
        text = getattr(error, "strerror", None) or str(error)
        code = getattr(error, "winerror", None)
        raise PlantError(SERVICE_REFUSED, where=service.name, found=f"{text} ({code})" if code else text) from error
