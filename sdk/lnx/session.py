"""An initialised model on a device: Initialize, Run, Uninitialize as a context manager."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from types import TracebackType
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from lnx import _core, runtime_path  # type: ignore[attr-defined]
from lnx.errors import LnxError
from lnx.images import read_image
from lnx.result import Result

WHEN = {None: 0, True: 1, False: 2}  # of lnx.h: by itself, always, never
WANT = {"label_map": 1, "score_map": 2, "rle": 4, "no_polygons": 8}
TRIGGERS = {"ng": 1, "review": 2, "error": 4}
NO_TILES = 2**32 - 1  # UINT32_MAX of lnx.h
Picture = NDArray[Any] | str | os.PathLike[str]
Box = tuple[int, int, int, int]


def _flags(want: Iterable[str]) -> int:
    flags = 0
    for name in want:
        if name not in WANT:
            raise LnxError(103, found=f'"{name}"', expected=", ".join(WANT), where="want")
        flags |= WANT[name]
    return flags


def _load(image: Picture) -> NDArray[Any]:
    return read_image(image) if isinstance(image, (str, os.PathLike)) else np.asarray(image)


class Parameters(MutableMapping[str, float]):
    """The parameters of a session; a change takes effect from the next run. Keys are those of ``session.describe()["parameters"]``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getitem__(self, key: str) -> float:
        return float(self._session._open().get_param(key))

    def __setitem__(self, key: str, value: float) -> None:
        self._session._open().set_param(key, float(value))

    def __delitem__(self, key: str) -> None:
        raise TypeError("parameters can be changed, not deleted")

    def __iter__(self) -> Iterator[str]:
        return iter([str(item["key"]) for item in self._session.describe()["parameters"]])

    def __len__(self) -> int:
        return len(self._session.describe()["parameters"])


class Session:
    """A model, ready to run.

    Args:
        path: the ``.lnx`` file.
        device: ``"auto"`` (a GPU where one works, else the CPU), ``"cpu"`` or ``"cuda:N"``.
        threshold: score from which a part is NG; None = as the model declares.
        guard_band: half width of the strip around the threshold that gives REVIEW; None = as the model declares.
        min_area_px: smallest finding that counts; None = as the model declares.
        class_thresholds, class_min_areas_px: the same per label in the model's order; NaN leaves a label as it is.
        allow_cpu_fallback: run on the CPU when the GPU that was asked for cannot be used, instead of raising.
        cpu_threads: threads of one inference on the CPU; 0 = one per physical core.
        run_slots: runs that may be in flight at once, 1..16.
        queue_depth: runs that ``submit`` may hold, 1..1024.
        submit_batch: single images that wait in the queue run as one batch of at most this many; 0 = each by itself.
        keep_warm: seconds of pause after which the model is run once without an image, so that processor or GPU stay awake; None = never.
            On a GPU a short kernel runs instead. A real run that comes meanwhile ends it. Goes on for ``keep_warm_minutes`` after the last
            real run.
        max_batch: most images per ``run``; 0 = as the model declares.
        runtime_dir: folder of the ONNX Runtime library; None = ``LNX_RUNTIME_DIR``, else the installed ``onnxruntime`` package.
        key_file: family key file for encrypted models.
        trusted_keys: public container keys (PEM files) to trust besides the trust folder.
        want: extras for every run: ``"label_map"``, ``"score_map"``, ``"rle"``, ``"no_polygons"``.
        tile: ``(width, height)``: larger images go through the model in tiles of this size, whose objects are merged and whose maps and
            pictures are blended; False: never; None = as the model declares. Not for classification and text.
        tile_overlap: share of a tile that its neighbour repeats at least, 0..0.75; None = as the model declares, else 0.2.
        uint8_heads: the form for GPUs that a container may carry (8-bit input, summed-up outputs): True: always; False: never; None: on
            a GPU.
        gpu_graph: False: never run the model as a CUDA graph.
        gpu_preprocess: prepare images on the GPU: True: wherever it can be done; False: never; None: by the size of the image.
        gpu_memory_mb: most that ONNX Runtime's arena takes from the GPU for one graph; 0 = what is free.
        tf32: False: float32 convolutions on the GPU are not rounded to TF32.
        warm_up_size: ``(width, height)`` of the pictures that will come: buffers are made for it at once, so that the first run is as fast
            as the hundredth. None = as the golden image of the model.
        events: write the event log where a folder for it exists.
        license_file: licence, or folder of licences; None = ``LNX_LICENSE_DIR``, the product's folder, then the tokens.
        license_wait: seconds to wait for the dongle, or for one with a licence on it; None = as the licence says.
        on_license: called with the state (as ``license``) when it changes, and every ten seconds in the grace time. Comes from another
            thread; must not close the session.
        progress: called with ``(stage, fraction)`` while the model loads; return False to cancel.

    Raises:
        LnxError: 2xx model file, 3xx licence, 4xx runtime and device.

    Threads: ``run`` may be called from several threads; it waits while every run slot is busy. The GIL is released meanwhile.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        device: str = "auto",
        threshold: float | None = None,
        guard_band: float | None = None,
        min_area_px: float | None = None,
        class_thresholds: Sequence[float] = (),
        class_min_areas_px: Sequence[float] = (),
        allow_cpu_fallback: bool = False,
        cpu_threads: int = 0,
        run_slots: int = 1,
        queue_depth: int = 8,
        max_batch: int = 0,
        submit_batch: int = 0,
        keep_warm: float | None = None,
        keep_warm_minutes: int = 0,
        runtime_dir: str | os.PathLike[str] | None = None,
        key_file: str | os.PathLike[str] | None = None,
        trusted_keys: Sequence[str | os.PathLike[str]] = (),
        want: Iterable[str] = (),
        tile: tuple[int, int] | Literal[False] | None = None,
        tile_overlap: float | None = None,
        uint8_heads: bool | None = None,
        gpu_graph: bool = True,
        gpu_preprocess: bool | None = None,
        gpu_memory_mb: int = 0,
        tf32: bool = True,
        warm_up_size: tuple[int, int] | None = None,
        events: bool = True,
        license_file: str | os.PathLike[str] | None = None,
        license_wait: float | None = None,
        on_license: Callable[[dict[str, Any]], object] | None = None,
        program: str | None = None,
        progress: Callable[[str, float], bool | None] | None = None,
    ) -> None:
        self._pending: dict[int, Any] = {}
        self._native: Any = _core.Session(
            os.fspath(path),
            {
                "device": device,
                "threshold": threshold,
                "guard_band": guard_band,
                "min_area_px": min_area_px,
                "class_thresholds": list(class_thresholds),
                "class_min_areas_px": list(class_min_areas_px),
                "allow_cpu_fallback": int(allow_cpu_fallback),
                "cpu_threads": cpu_threads,
                "run_slots": run_slots,
                "queue_depth": queue_depth,
                "max_batch": max_batch,
                "submit_batch": submit_batch,
                "gpu_keep_warm_ms": 0 if keep_warm is None else max(1, round(keep_warm * 1000)),
                "keep_warm_minutes": keep_warm_minutes,
                "runtime_dir": runtime_path.choose(runtime_dir),
                "key_file": None if key_file is None else os.fspath(key_file),
                "trusted_keys": [os.fspath(key) for key in trusted_keys],
                "want": _flags(want),
                "tile_width": NO_TILES if tile is False else tile[0] if tile else 0,
                "tile_height": NO_TILES if tile is False else tile[1] if tile else 0,
                "tile_overlap": tile_overlap,
                "uint8_heads": WHEN[uint8_heads],
                "no_gpu_graph": int(not gpu_graph),
                "gpu_preprocess": WHEN[gpu_preprocess],
                "gpu_memory_mb": gpu_memory_mb,
                "no_tf32": int(not tf32),
                "warm_up_width": warm_up_size[0] if warm_up_size else 0,
                "warm_up_height": warm_up_size[1] if warm_up_size else 0,
                "no_events": int(not events),
                "license_file": None if license_file is None else os.fspath(license_file),
                "license_wait_ms": 0 if license_wait is None else max(1, round(license_wait * 1000)),
                "on_license": on_license,
                "program": program,
                "progress": progress,
            },
        )
        self.params = Parameters(self)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _open(self) -> Any:
        if self._native is None:
            raise LnxError(104, found="a closed session", expected="an open one", where="session")
        return self._native

    def close(self) -> None:
        """Ends the session: waits for runs in flight and frees the device. May be called twice."""
        if self._native is not None:
            self._native.close()
            self._native = None
            self._pending.clear()

    @overload
    def run(self, image: Picture, *, roi: Box | None = None, tag: int = 0, **options: Any) -> Result: ...
    @overload
    def run(self, image: Picture, *, roi: list[Box], tag: int = 0, **options: Any) -> list[Result]: ...
    @overload
    def run(self, image: Sequence[Picture], *, roi: Box | None = None, tag: int = 0, **options: Any) -> list[Result]: ...
    def run(
        self,
        image: Picture | Sequence[Picture],
        *,
        roi: Box | list[Box] | None = None,
        tag: int = 0,
        pixel_format: str | None = None,
        valid_bits: int = 0,
        **options: Any,
    ) -> Result | list[Result]:
        """Runs the model on an image, on a list of images as one batch, or on several parts of one image.

        Args:
            image: uint8 ``[H, W]``, ``[H, W, 3]`` (BGR, as cv2) or ``[H, W, 4]``, or uint16 ``[H, W]``; or a path. Not copied unless its
                pixels are not side by side. Other formats with ``pixel_format``.
            roi: ``(x, y, width, height)`` to inspect; results stay in full-image pixels. A list of them (of one image): a list of results.
            tag: comes back as ``result.tag``.
            pixel_format: as in lnx.h without ``LNX_PIXEL_``: ``"RGB8"``, ``"BAYER_RG8"`` (uint8 ``[H, W]``), ``"BAYER_RG16"`` (uint16),
                ``"NV12"`` (uint8 ``[H * 3 / 2, W]``), ``"GRAY10P"``, ``"GRAY12P"`` (uint8 ``[H, bytes of a row]``), ``"F32_PLANAR"``
                (float32 ``[3, H, W]``, red first, 0..1), ``"F32_GRAY"`` (float32 ``[H, W]``).
            valid_bits: of uint16 pixels, 9..16; 0 = 16.
            options: for this run only: threshold, guard_band, min_area_px, max_objects, top_k, class_thresholds,
                class_min_areas_px, want, deadline_ms (LNX-511 when the run is not done by then).

        Raises:
            LnxError: LNX-105..109 image, LNX-117 batch size, LNX-501/502 execution.
        """
        note = (pixel_format or "", valid_bits)
        if isinstance(roi, list):
            if isinstance(image, (list, tuple)):
                raise LnxError(103, found="several images with several parts", expected="one image", where="roi")
            native = self._open().run_rois(_load(image), note, roi, tag, self._options(options))  # type: ignore[arg-type]
            return [Result(native, i) for i in range(len(roi))]
        many = isinstance(image, (list, tuple))
        arrays = [_load(item) for item in image] if many else [_load(image)]  # type: ignore[arg-type, union-attr]
        native = self._open().run(arrays, note, roi or (), tag, self._options(options))
        results = [Result(native, i) for i in range(len(arrays))]
        return results if many else results[0]

    def submit(
        self,
        image: Picture,
        *,
        roi: Box | None = None,
        tag: int = 0,
        pixel_format: str | None = None,
        valid_bits: int = 0,
        **options: Any,
    ) -> int:
        """Queues a run and returns its ticket at once. Raises LnxError LNX-505 when the queue is full.

        options: as ``run``, and source: number of the camera, 0..63. Cameras are served in turn, each with a queue of its own, and
        the results of one camera come in its order.
        """
        note = (pixel_format or "", valid_bits)
        ticket, keep = self._open().submit([_load(image)], note, roi or (), tag, self._options(options))
        self._pending[ticket] = keep
        return int(ticket)

    def wait(self, ticket: int = 0, timeout: float | None = None) -> Result:
        """The result of a submitted run (0 = the oldest). Raises LnxError LNX-504 after ``timeout`` seconds; the ticket stays valid."""
        chosen = ticket or (min(self._pending) if self._pending else 0)
        try:
            native = self._open().wait(chosen, timeout)
        except LnxError as error:
            if error.status != 504:
                self._pending.pop(chosen, None)
            raise
        self._pending.pop(chosen, None)
        return Result(native)

    def record(
        self,
        folder: str | os.PathLike[str],
        *,
        key: str | os.PathLike[str],
        on: Iterable[str] = ("ng", "error"),
        runs: int = 16,
        max_memory: int = 0,
        max_folder: int = 0,
    ) -> None:
        """Keeps the last runs in memory, and saves them to one encrypted file when a trigger fires or ``save_recording`` asks.

        Args:
            folder: where the files go; made when it is missing.
            key: public key of whoever may open them (``NAME.recording-pub.pem``).
            on: triggers: ``"ng"``, ``"review"``, ``"error"``.
            runs: how many are kept, 1..1024.
            max_memory: bytes for pixels; 0 = 512 MiB. The oldest runs go first.
            max_folder: bytes of recordings in the folder; 0 = 4 GiB. The oldest files go first.

        Raises:
            LnxError: LNX-103 argument, LNX-227 key, LNX-510 folder.
        """
        flags = 0
        for name in on:
            if name not in TRIGGERS:
                raise LnxError(103, found=f'"{name}"', expected=", ".join(TRIGGERS), where="on")
            flags |= TRIGGERS[name]
        self._open().record_start(os.fspath(folder), os.fspath(key), runs, flags, max_memory, max_folder)

    def save_recording(self, reason: str = "demand") -> str:
        """Saves the runs that are kept now; returns the file, or "" when none was kept. Raises LnxError LNX-115 without ``record``."""
        return str(self._open().record_save(reason))

    def stop_recording(self) -> None:
        """Finishes what is on its way to the disk and forgets the rest."""
        self._open().record_stop()

    @property
    def recording(self) -> dict[str, Any]:
        """``active``, ``runs_kept``, ``runs_saved``, ``runs_skipped``, ``files_saved``, ``files_failed``, ``last_error``."""
        state: dict[str, Any] = self._open().record_state()
        return state

    def describe(self) -> dict[str, Any]:
        """Name, version, task, inputs, outputs, labels, parameters, device and runtime of the model."""
        document: dict[str, Any] = json.loads(self._open().describe())
        return document

    def self_test(self) -> dict[str, Any]:
        """Runs the golden images: ``passed``, ``golden_count``, and per stage (pre, model, post) the largest error and its tolerance.

        Raises LnxError LNX-228 when the model carries no golden images.
        """
        report: dict[str, Any] = self._open().self_test()
        return report

    @property
    def license(self) -> dict[str, Any]:
        """State of the licence.

        ``phase`` (0 none needed, 1 starting, 2 ok, 3 grace, 4 blocked) and ``phase_name``; ``status`` (the LNX number that says why, 0 when
        all is well) and ``reason``; ``grace_seconds_left``; ``license_id``, ``customer``, ``evaluation``, ``expires_unix`` (seconds,
        None = no end); ``warning`` (it ends soon, or the clock was set back; empty = none); ``features``, as the licence names them.
        The core keeps to ``cameras``, ``gpu`` and ``tools`` by itself; what the others mean is up to the program.
        """
        state: dict[str, Any] = self._open().license()
        return {**state, "features": json.loads(self._open().features())}

    @staticmethod
    def _options(options: dict[str, Any]) -> dict[str, Any]:
        known = {"threshold", "guard_band", "min_area_px", "max_objects", "top_k", "class_thresholds", "class_min_areas_px", "want"}
        known |= {"deadline_ms", "source"}
        unknown = sorted(set(options) - known)
        if unknown:
            raise TypeError(f"unknown run options {', '.join(unknown)}; known are {', '.join(sorted(known))}")
        if "want" in options:
            options["want"] = _flags(options["want"])
        return options


def doctor(runtime_dir: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """What this machine offers: runtime, candidates with verdicts, providers, GPUs, driver, missing libraries, problem and fix."""
    report: dict[str, Any] = json.loads(_core.describe_environment(runtime_path.choose(runtime_dir) or ""))
    return report
