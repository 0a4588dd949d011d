"""`ParquetWork` in a process of its own, so that the collector does not keep pyarrow's memory: started when there is something to do,
ended when there is not.

Form of the pipe: requests (name of the function, arguments) on the child's standard input, answers (whether it worked, result or error)
on its standard output, each one pickle. There is one child and one request at a time; it runs with low priority and ends with its parent,
because it ends when its input does.

Invariants
  - A child that crashes, is killed or does not answer in time costs the request and nothing else: it writes only files with temporary names
    (`files.publish_part`), which its parent, or after the parent's death the next one, deletes. The caller gets ParquetProcessError.
  - `close` ends a request that is running.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

from lnx_collector.historian.parquet_work import ColdRow, ParquetWork, Thinned
from lnx_collector.historian.part import Part

WORD = "parquet"
"""The program `lnx-collector` with this word and a data folder is the child."""
TIMEOUT = 600.0
LOOK_WITHIN = 60.0
"""The same for a look at one file, which a collector that starts waits for."""
READING = 5.0
"""A child that has answered a reader is kept so many seconds: the reader comes again."""
NICE = 5
"""Low, but not so low that it is starved where every core is busy; a collector that is nicer already passes on its own."""


class ParquetProcessError(OSError):
    """The child ended, did not answer in time, or could not be started; nothing is known of the files."""


class ParquetProcess:
    """The functions of `ParquetWork` for one data folder; any thread may call, they take turns."""

    def __init__(self, data: Path, timeout: float = TIMEOUT) -> None:
        """``timeout``: seconds for one request, after which the child is killed."""
        self._data = data
        self._timeout = timeout
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._read_at = -READING

    def roll(self, span: tuple[int, int], stream: str, temporary: Path) -> Part:
        return Part(*self._ask("roll", span, stream, temporary))

    def join(self, group: Sequence[Part], stream: str, temporary: Path) -> Part:
        return Part(*self._ask("join", list(group), stream, temporary))

    def thin(self, part: Part, suffix: str, cursors: Mapping[str, int], stream: str, temporary: Path) -> Thinned:
        return Thinned(*self._ask("thin", part, suffix, dict(cursors), stream, temporary))

    def describe(self, relative: str) -> tuple[Part, str] | None:
        found: tuple[Part, str] | None = self._ask("describe", relative, within=LOOK_WITHIN)
        return found

    def rows(self, relative: str, sha256: str, after: int, limit: int) -> list[ColdRow]:
        found: list[ColdRow] = self._ask("rows", relative, sha256, after, limit)
        self._read_at = time.monotonic()
        return found

    def rest(self) -> None:
        """Ends the child unless somebody reads with it."""
        if time.monotonic() - self._read_at > READING and self._turn.acquire(blocking=False):
            try:
                self._end()
            finally:
                self._turn.release()

    def close(self) -> None:
        self._closed = True
        if (process := self._process) is not None:
            process.kill()
        with self._turn:
            self._end()

    @property
    def pid(self) -> int | None:
        """Number of the child; None when there is none."""
        process = self._process
        return None if process is None else process.pid

    def _ask(self, name: str, *arguments: Any, within: float | None = None) -> Any:
        seconds = min(self._timeout, within or self._timeout)
        with self._turn:
            process = self._running()
            late = threading.Event()

            def kill() -> None:
                late.set()
                process.kill()

            timer = threading.Timer(seconds, kill)
            timer.daemon = True
            timer.start()
            try:
                assert process.stdin and process.stdout
                process.stdin.write(pickle.dumps((name, arguments)))
                process.stdin.flush()
                worked, result = pickle.load(process.stdout)
            except (OSError, EOFError, pickle.UnpicklingError) as error:
                code = self._end()
                reason = f"did not answer within {seconds:g} s" if late.is_set() else f"ended with {code}"
                raise ParquetProcessError(f"the process that works on Parquet files {reason} ({name})") from error
            finally:
                timer.cancel()
        if not worked:
            raise result
        return result

    def _running(self) -> subprocess.Popen[bytes]:
        """The child; a new one when there is none or it has died in between. Raises ParquetProcessError when none can be started."""
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None and not self._closed:
            flags = 0
            if sys.platform == "win32":
                flags = subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
            try:
                self._process = subprocess.Popen(
                    [*_program(), WORD, str(self._data)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    creationflags=flags,
                )
            except OSError as error:
                raise ParquetProcessError(f"the process that works on Parquet files cannot be started: {error}") from error
        if self._closed or self._process is None:
            self._end()
            raise ParquetProcessError("the historian is closed")
        return self._process

    def _end(self) -> int | None:
        """Kills the child if there is one; returns its exit code."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.kill()
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):  # a request that was not sent
                if pipe is not None:
                    pipe.close()
        return code


def _program() -> list[str]:
    """How the collector's program is started: the packaged one lies beside each of the packaged programs."""
    if getattr(sys, "frozen", False):
        return [str(Path(sys.executable).with_name("lnx-collector" + Path(sys.executable).suffix))]
    return [sys.executable, "-P", "-m", "lnx_collector.program"]


# ── the child ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def serve(data: Path) -> NoReturn:
    """Answers requests until the input ends, which ends the process at once, whatever it is doing."""
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)  # meant for the parent, which ends this one
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(max(0, NICE - os.nice(0)))
    # The pipes are nobody else's: a library may print, and on Windows one that looks at the standard input waits for a read of it to end.
    incoming, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    requests: queue.SimpleQueue[tuple[str, tuple[Any, ...]]] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(incoming, requests), daemon=True).start()
    work = ParquetWork(data)
    while True:
        name, arguments = requests.get()
        try:
            answer = (True, getattr(work, name)(*arguments))
        except (OSError, sqlite3.Error) as error:
            answer = (False, error)
        except Exception:
            answer = (False, RuntimeError(traceback.format_exc(limit=-3)))
        answers.write(pickle.dumps(answer, pickle.HIGHEST_PROTOCOL))
        answers.flush()


def _receive(incoming: IO[bytes], requests: queue.SimpleQueue[tuple[str, tuple[Any, ...]]]) -> None:
    try:
        while True:
            requests.put(pickle.load(incoming))
    finally:
        os._exit(0)
