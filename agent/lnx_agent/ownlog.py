"""What the agent says about its own work, for whoever looks after the machine: never part of the evidence, never growing without bound.

Lines go to `log/agent.log` in the data folder (five files of 1 MB at most) and to stderr, where systemd takes them. A log that cannot
be written is no reason to stop. Alarms are states, not lines: raising one that is raised already says nothing.
"""

from __future__ import annotations

import logging
import logging.handlers
import sys
import threading
import time
from pathlib import Path

FILE_BYTES, OLDER_FILES = 1_000_000, 4
_FORM = "%(asctime)s %(levelname)s %(message)s"


class OwnLog:
    """The log of one agent. Safe to use from any thread."""

    def __init__(self, folder: Path) -> None:
        self._logger = logging.getLogger(f"lnx.agent.{id(self)}")
        self._logger.setLevel(logging.INFO)
        self._logger.propagate = False
        form = logging.Formatter(_FORM, "%Y-%m-%dT%H:%M:%SZ")
        form.converter = time.gmtime
        for handler in _handlers(folder / "agent.log"):
            handler.setFormatter(form)
            self._logger.addHandler(handler)

    def info(self, text: str) -> None:
        self._logger.info(_one_line(text))

    def warn(self, text: str) -> None:
        self._logger.warning(_one_line(text))

    def close(self) -> None:
        """Lets go of the file."""
        for handler in list(self._logger.handlers):
            self._logger.removeHandler(handler)
            handler.close()


class _File(logging.handlers.RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """A full disk: the line is on stderr."""


def _handlers(path: Path) -> list[logging.Handler]:
    handlers: list[logging.Handler] = []
    if sys.stderr is not None:  # a Windows service has none
        handlers.append(logging.StreamHandler())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(_File(path, "a", FILE_BYTES, OLDER_FILES, "utf-8", delay=True))
    except OSError:
        pass
    return handlers


def _one_line(text: str) -> str:
    return " | ".join(line.strip() for line in text.splitlines() if line.strip())


class Alarms:
    """What is wrong now, by name."""

    def __init__(self, log: OwnLog) -> None:
        self._log = log
        self._raised: dict[str, str] = {}
        self._lock = threading.Lock()

    def raise_(self, name: str, text: str) -> None:
        """Something is wrong until it is cleared."""
        with self._lock:
            if self._raised.get(name) == text:
                return
            self._raised[name] = text
        self._log.warn(f"alarm {name}: {text}")

    def clear(self, name: str) -> None:
        """It is well again."""
        with self._lock:
            known = self._raised.pop(name, None)
        if known is not None:
            self._log.info(f"alarm {name} is over")

    def now(self) -> dict[str, str]:
        with self._lock:
            return dict(self._raised)
