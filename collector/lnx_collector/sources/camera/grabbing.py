"""Takes pictures from OpenCV on a thread of its own, because reading blocks and drivers may never return.

Every picture is fetched from the camera, so that none is older than it seems; one per beat is kept. At most `SLOTS` wait for whoever
stores them; when the disk is slower than that, the oldest is dropped and counted.

Invariant: the thread that opened a camera is the one that closes it; a camera whose thread is stuck in a driver is not opened twice.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2

from lnx_collector.images.files import Image

SLOTS = 4
BACKENDS = {"v4l2": cv2.CAP_V4L2, "directshow": cv2.CAP_DSHOW, "media-foundation": cv2.CAP_MSMF, "ffmpeg": cv2.CAP_FFMPEG}
_at_work: dict[int | str, threading.Thread] = {}


class Picture(NamedTuple):
    """One picture and the wall clock when it came, ns since 1970."""

    time: int
    image: Image


def backend_of(name: str, device: int | str) -> int:
    """The number of a backend. "auto": FFmpeg for URLs and files, the system's interface for a local camera."""
    if name != "auto":
        return int(BACKENDS[name])
    if isinstance(device, str) and not device.startswith("/dev/"):
        return int(cv2.CAP_FFMPEG)
    return int(cv2.CAP_DSHOW if sys.platform == "win32" else cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY)


class Grabber:
    """One camera from opening to closing. ``ended`` says why it stopped, "" while it works."""

    def __init__(
        self, device: int | str, backend: str, size: tuple[int | None, int | None], every: float, timeout: float, now: Callable[[], int]
    ) -> None:
        self.ended = ""
        self.file_is_over = False
        self.opened = False
        self.last = time.monotonic()
        self._device, self._backend, self._size, self._timeout = device, backend_of(backend, device), size, timeout
        self._every = every
        self._now = now
        self._waiting: deque[Picture] = deque()
        self._dropped = 0
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera {device}", daemon=True)

    def start(self) -> bool:
        """False when an earlier thread is still stuck in this camera's driver."""
        before = _at_work.get(self._device)
        if before is not None and before.is_alive():
            return False
        _at_work[self._device] = self._thread
        self._thread.start()
        return True

    def stop(self) -> None:
        """Asks the thread to close the camera; does not wait."""
        self._stopping.set()

    def take(self, seconds: float) -> Picture | None:
        """The oldest picture that waits; None when none came within ``seconds`` or the camera has ended."""
        with self._changed:
            if not self._waiting and not self.ended:
                self._changed.wait(seconds)
            return self._waiting.popleft() if self._waiting else None

    def dropped(self) -> int:
        """Pictures that were dropped since the last call because storing was too slow."""
        with self._changed:
            count, self._dropped = self._dropped, 0
            return count

    # ── on the thread ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        reason = "it cannot be opened"
        try:
            capture = self._open()
            try:
                if capture.isOpened():
                    reason = self._watch(capture)
            finally:
                capture.release()
        except Exception as error:  # whatever a driver throws, the source hears of it
            reason = str(error).strip() or repr(error)
        self._end(reason)  # last of all: from now on the camera may be opened again

    def _open(self) -> Any:
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg prints addresses, and with them passwords, to stderr
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        milliseconds = int(self._timeout * 1000)
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds, cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds]
        capture = cv2.VideoCapture(self._device, self._backend, limits if self._backend == cv2.CAP_FFMPEG else [])
        for wanted, key in zip(self._size, (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT), strict=True):
            if wanted is not None:
                capture.set(key, wanted)
        return capture

    def _watch(self, capture: Any) -> str:
        """Fetches pictures until told to stop or there are none; returns why."""
        is_file = isinstance(self._device, str) and Path(self._device).is_file()
        pace = 1 / (capture.get(cv2.CAP_PROP_FPS) or 25.0) if is_file else 0.0
        self.opened = True
        due = begin = time.monotonic()
        count = 0
        while not self._stopping.is_set():
            if not capture.grab():
                self.file_is_over = is_file and count > 0
                return "no picture came any more"
            self.last = time.monotonic()
            if self.last >= due:
                due += self._every * (1 + int((self.last - due) / self._every))
                fine, image = capture.retrieve()
                if fine:
                    self._put(Picture(self._now(), image))
            count += 1
            if pace:
                self._stopping.wait(max(0.0, begin + count * pace - time.monotonic()))
        return "stopped"

    def _put(self, picture: Picture) -> None:
        with self._changed:
            if len(self._waiting) >= SLOTS:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append(picture)
            self._changed.notify()

    def _end(self, reason: str) -> None:
        with self._changed:
            self.ended = reason
            self._changed.notify()
