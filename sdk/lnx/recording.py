"""Recordings of runs (``*.lnxrec``): opened with the private key, and run again bit for bit.

The writer is native/src/session/recording_file.cpp; format: docs/reference/recording.md. Nothing is decrypted to a disk unless
``Recording.export`` is called.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from lnx.container.hpke import open_with, software
from lnx.container.keys import key_id, point_of
from lnx.errors import LnxError
from lnx.images import write_image
from lnx.result import Result
from lnx.session import Session

MAGIC = b"LNXREC\x00\x01"
CHUNK, TAG, ENDING = 1 << 20, 16, ".lnxrec"
_INFO = b"lnx/1 recording-key"
_HEAD_LIMIT = 1 << 20
_PER_CLASS = {"class_threshold": "class_threshold/", "class_min_area_px": "class_min_area_px/"}
# In this order: a threshold for all classes comes before those of single ones.
_PARAMETERS = ("threshold", "guard_band", "min_area_px", "nms_iou", "mask_threshold", "max_objects", "top_k", "want")
_CHANNELS = {"BGR8": 3, "RGB8": 3, "BGRA8": 4, "RGBA8": 4, "GRAY8": 1}


@dataclass(frozen=True)
class RecordedPicture:
    """Pixels as the program gave them, rows without padding."""

    pixels: bytes
    width: int
    height: int
    pixel_format: str
    pixel_format_id: int
    valid_bits: int

    def array(self) -> NDArray[Any]:
        """``[H, W]`` or ``[H, W, C]``; camera formats as the bytes of their rows."""
        if self.pixel_format in _CHANNELS:
            channels = _CHANNELS[self.pixel_format]
            shape = (self.height, self.width) if channels == 1 else (self.height, self.width, channels)
            return np.frombuffer(self.pixels, np.uint8).reshape(shape)
        if self.pixel_format == "GRAY16":
            return np.frombuffer(self.pixels, np.uint16).reshape(self.height, self.width)
        return np.frombuffer(self.pixels, np.uint8)


@dataclass(frozen=True)
class RecordedRun:
    """One run: its pictures, the part and tag of each image, the parameters in force, and what came out of it.

    ``results``: per image ``{"digest": hex, "result": as Result.to_dict}``; empty when the run failed with ``status`` and ``error``.
    """

    time_unix_nano: int
    status: int
    error: str
    params: dict[str, Any]
    pictures: list[RecordedPicture]
    images: list[dict[str, Any]]
    results: list[dict[str, Any]]


@dataclass(frozen=True)
class Recording:
    """A file: which model and session it is of, why it was saved, and its runs, oldest first."""

    path: Path
    head: dict[str, Any]
    session: dict[str, Any]
    labels: list[str]
    runs: list[RecordedRun] = field(repr=False)

    def export(self, folder: str | Path) -> list[Path]:
        """Writes each picture (PNG; camera formats as they came, ``.raw``) and ``results.jsonl``. Returns the files."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        made: list[Path] = []
        lines = []
        for i, run in enumerate(self.runs):
            names = []
            for k, picture in enumerate(run.pictures):
                path = folder / f"{i:04d}-{k}.png"
                if picture.pixel_format in ("BGR8", "GRAY8", "GRAY16"):
                    write_image(path, picture.array())
                else:
                    path = path.with_suffix(f".{picture.pixel_format}-{picture.width}x{picture.height}.raw")
                    path.write_bytes(picture.pixels)
                names.append(path.name)
                made.append(path)
            told = {"pictures": names, "images": run.images, "status": run.status, "error": run.error, "params": run.params}
            lines.append(json.dumps({**told, "results": run.results}, ensure_ascii=False))
        made.append(folder / "results.jsonl")
        made[-1].write_text("\n".join(lines) + "\n", encoding="utf-8")
        return made


def read_head(path: str | Path) -> dict[str, Any]:
    """What anyone may read: model, reason, number of runs, and for which key the file is encrypted. LNX-201, LNX-203."""
    return _read_head(Path(path))[0]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LnxError(201, found=error.strerror or str(error), expected="a recording", where=str(path)) from None


def _read_head(path: Path) -> tuple[dict[str, Any], bytes, bytes]:
    content = _read(path)
    size = int.from_bytes(content[8:12], "little")
    if content[:8] != MAGIC or size > _HEAD_LIMIT or len(content) < 12 + size:
        raise LnxError(203, found="another kind of file, or a part of one", expected="a recording (*.lnxrec)", where=str(path))
    try:
        head: dict[str, Any] = json.loads(content[12 : 12 + size])
    except ValueError:
        raise LnxError(203, found="a head that is no JSON", expected="a recording (*.lnxrec)", where=str(path)) from None
    if head.get("format") != "lnx-recording-1":
        found = f"format {head.get('format')!r}"[:80]
        raise LnxError(205, found=found, expected="lnx-recording-1", where=str(path))
    return head, content[: 12 + size], content[12 + size :]


def _chunks(sealed: bytes) -> Iterator[tuple[int, bool, bytes]]:
    step = CHUNK + TAG
    count = max(1, math.ceil(len(sealed) / step))
    for number in range(count):
        yield number, number == count - 1, sealed[number * step : (number + 1) * step]


def read_recording(path: str | Path, key: ec.EllipticCurvePrivateKey) -> Recording:
    """Opens a recording with the private key (``lnx.container.load_signing_key``).

    Raises:
        LnxError: LNX-201/203/205 for the file, LNX-212 when it is for another key, LNX-214 when it was changed or cut.
    """
    path = Path(path)
    head, front, sealed = _read_head(path)
    own = key_id(key.public_key())
    if head.get("key") != own:
        raise LnxError(212, found=f"a recording for key {head.get('key')}", expected=f"one for key {own}", where=str(path))
    try:
        enc, wrapped = bytes.fromhex(head["enc"]), bytes.fromhex(head["sealed"])
        content = open_with(software(key), point_of(key.public_key()), enc, wrapped, _INFO, own.encode())
        cipher, bound = AESGCM(content), hashlib.sha256(front).digest()
        plain = b"".join(
            cipher.decrypt(bytes(7) + number.to_bytes(4, "big") + bytes([last]), chunk, bound) for number, last, chunk in _chunks(sealed)
        )
    except (InvalidTag, ValueError, KeyError, TypeError):
        raise LnxError(214, found="bytes that were not written so", expected="an unchanged recording", where=str(path)) from None
    size = int.from_bytes(plain[:4], "little")
    index = json.loads(plain[4 : 4 + size])
    pixels = memoryview(plain)[4 + size :]
    return Recording(path, head, index["session"], index["labels"], [_run(entry, pixels) for entry in index["runs"]])


def _run(entry: dict[str, Any], pixels: memoryview) -> RecordedRun:
    pictures = [
        RecordedPicture(
            bytes(pixels[p["offset"] : p["offset"] + p["bytes"]]),
            p["width"],
            p["height"],
            p["pixel_format"],
            p["pixel_format_id"],
            p["valid_bits"],
        )
        for p in entry["pictures"]
    ]
    known = ("time_unix_nano", "status", "error", "params", "images", "results")
    return RecordedRun(pictures=pictures, **{name: entry[name] for name in known})


@dataclass(frozen=True)
class Replayed:
    """One run, run again. ``same``: every answer has the fingerprint that was recorded (a failed run: it failed the same way)."""

    index: int
    same: bool
    recorded: list[dict[str, Any]]
    now: list[dict[str, Any]]
    error: str
    differences: list[str]


def open_for(recording: Recording, model: str | Path, **options: Any) -> Session:
    """A session as the recorded one was: its batch size, tiles and threads. ``options`` as for ``Session``."""
    facts = recording.session
    width, height = facts["tile"]
    tiled: dict[str, Any] = {"tile": (width, height), "tile_overlap": facts["tile_overlap"]} if width else {"tile": False}
    return Session(model, **{"max_batch": facts["max_batch"], "cpu_threads": facts["cpu_threads"], "events": False, **tiled, **options})


def _set_parameters(session: Session, run: RecordedRun, labels: list[str]) -> None:
    for name in _PARAMETERS:
        if run.params[name] is not None:
            session.params[name] = run.params[name]
    for key, prefix in _PER_CLASS.items():
        for label, value in zip(labels, run.params[key], strict=True):
            session.params[prefix + label] = value


def _differences(before: Any, now: Any, where: str = "") -> list[str]:
    """Paths at which two results differ, as far as JSON shows it."""
    if isinstance(before, dict) and isinstance(now, dict):
        skipped = {"sequence", "user_tag", "timings_us", "model", "provider", "evaluation"} if not where else set()
        keys = sorted((before.keys() | now.keys()) - skipped)
        return [text for key in keys for text in _differences(before.get(key), now.get(key), f"{where}.{key}" if where else key)]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        return [text for i, pair in enumerate(zip(before, now, strict=True)) for text in _differences(*pair, f"{where}[{i}]")]
    return [] if before == now else [f"{where}: {str(before)[:60]} -> {str(now)[:60]}"]


def replay(recording: Recording, session: Session) -> list[Replayed]:
    """Runs every recorded run again, one after another, with the parameters that were in force, and compares the fingerprints.

    The session's parameters stay those of the last run. Equal fingerprints are to be expected with the same model, runtime version,
    device and number of threads; what differs is told by ``environment``.
    """
    native = session._open()
    told = []
    for index, run in enumerate(recording.runs):
        _set_parameters(session, run, recording.labels)
        parts = len(run.images) > 1 and len(run.pictures) == 1
        pictures = [
            (p.pixels, p.width, p.height, p.pixel_format_id, p.valid_bits, tuple(image["roi"]))
            for image in run.images
            for p in (run.pictures[image["picture"]],)
        ]
        try:
            answer = native.run_as_recorded(pictures, parts)
        except LnxError as error:
            same = run.status == error.status
            told.append(Replayed(index, same, run.results, [], f"LNX-{error.status} {error.found}", [] if same else ["it fails now"]))
            continue
        results = [Result(answer, i) for i in range(len(run.images))]
        now = [{"digest": result.digest, "result": result.to_dict()} for result in results]
        same = run.status == 0 and [entry["digest"] for entry in now] == [entry["digest"] for entry in run.results]
        differences: list[str] = []
        if run.status != 0:
            differences = [f"it failed with LNX-{run.status} when it was recorded"]
        elif not same:
            pairs = zip(run.results, now, strict=True)
            differences = [text for a, b in pairs if a["digest"] != b["digest"] for text in _differences(a["result"], b["result"])]
            differences = differences or ["beyond the sixth digit, or in a plane or run length"]
        told.append(Replayed(index, same, run.results, now, "", differences))
    return told


def environment(recording: Recording, session: Session) -> list[str]:
    """What is other now than when it was recorded, of what can change bits: model, runtime, device, preprocessing."""
    described = session.describe()
    facts, told = recording.session, []
    for name, before, now in (
        ("ONNX Runtime", facts["runtime"], described["runtime"]["version"]),
        ("device", facts["device"], described["device"]),
        ("preprocessing", facts["path"] or "per line", described["preprocessing"]),
        ("model version", recording.head["model"]["version"], described["version"]),
    ):
        if before != now:
            told.append(f"{name}: {before} then, {now} now")
    return told
