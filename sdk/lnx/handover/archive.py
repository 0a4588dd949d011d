"""The archive: a ZIP file whose list of contents is signed.

    handover.json       DSSE envelope (container/dsse.py) around the list: product, versions, commands, every file with size and SHA-256
    README.txt          how to check it, Korean and English
    sbom.cdx.json       CycloneDX 1.6
    models/ licences/ keys/ configuration/ reports/

Two archives of the same parts, moment and key differ in the signature alone: times inside the ZIP are fixed and the order is by name. It is
written beside its name and renamed when it is whole. Checking reads every byte: a file that is missing, added, changed or named twice is
refused, and so is a signature of a key that nobody trusts.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from cryptography.hazmat.primitives.asymmetric import ec

from lnx import attribution
from lnx.container import dsse
from lnx.errors import LnxError
from lnx.handover.parts import Part, described
from lnx.handover.sbom import cyclonedx

FORMAT = "application/vnd.lnx.handover+json"
LIST, README, SBOM = "handover.json", "README.txt", "sbom.cdx.json"
MAX_LIST = 16 << 20
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20
Progress = Callable[[str, float], object]
README_TEXT = (
    """LNX Edge handover / LNX Edge 인계 파일

Check / 확인:   lnx handover check THIS_FILE.zip --trust SENDER.container-pub.pem
Compare the sender's SHA-256 of the public key over another channel (phone, paper).
공개 키의 SHA-256은 전화나 서면 등 다른 경로로 보낸 쪽과 비교하십시오.

handover.json   signed list of all files with their SHA-256 / 모든 파일과 SHA-256의 서명된 목록
sbom.cdx.json   bill of materials, CycloneDX 1.6 / 소프트웨어 구성 목록
models          models, still encrypted where they were / 모델(암호화된 상태 그대로)
licences        licences; they work with their dongle alone / 라이선스(해당 동글에서만 동작)
configuration   configurations; passwords are blacked out / 설정(비밀번호는 가려짐)
reports         reports and records / 보고서와 기록

"""
    + attribution.BOTH
)


@dataclass(frozen=True)
class Checked:
    """An archive that holds: who signed it, and its list."""

    keyid: str
    listed: dict[str, Any]


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_CHUNK):
        yield block


def _versions() -> dict[str, str]:
    return {
        "lnx-edge": metadata.version("lnx-edge"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
    }


def _add(archive: zipfile.ZipFile, name: str, source: bytes | Path) -> tuple[int, str]:
    """Adds a file; its size and SHA-256."""
    info = zipfile.ZipInfo(name, _FIXED_TIME)
    packed = name.endswith((".lnx", ".zip", ".png", ".jpg"))
    info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    digest, size = hashlib.sha256(), 0
    with archive.open(info, "w", force_zip64=True) as to:
        if isinstance(source, bytes):
            to.write(source)
            return len(source), hashlib.sha256(source).hexdigest()
        with source.open("rb") as file:
            for block in _chunks(file):
                to.write(block)
                digest.update(block)
                size += len(block)
    return size, digest.hexdigest()


def make(
    output: Path,
    parts: Sequence[Part],
    key: ec.EllipticCurvePrivateKey,
    *,
    commands: Sequence[str] = (),
    note: str = "",
    runtime: tuple[Path, str] | None = None,
    moment: datetime | None = None,
    progress: Progress = lambda _stage, _fraction: None,
) -> dict[str, Any]:
    """Writes the archive and returns its list.

    Args:
        parts: what ``take_in`` made of the files; two of the same name are refused.
        key: signs the list; the sender's container key.
        commands: lines that reproduce the reports.
        runtime: path and version of the ONNX Runtime library in use, for the bill of materials.

    Raises:
        LnxError: LNX-250 nothing to hand over, or two files of one name.
        OSError: disk full, no permission; nothing half-written stays.
    """
    refuse = dsse.refuser(250, str(output))
    if not parts:
        refuse("no file", "at least one model, licence, configuration or report")
    names = [part.name for part in parts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        refuse(f"{twice[0]} twice", "files of different names")
    moment = moment or datetime.now(UTC)
    bom = json.dumps(cyclonedx(moment, runtime), ensure_ascii=False, indent=1).encode()
    building = output.with_name(f".{output.name}.{os.getpid()}.new")
    try:
        with zipfile.ZipFile(building, "x") as archive:
            files = []
            ordered = sorted(parts, key=lambda part: part.name)
            for i, part in enumerate(ordered):
                progress("files", i / len(ordered))
                size, digest = _add(archive, part.name, part.source if part.content is None else part.content)
                files.append(described(part, size, digest))
            for name, kind, content in ((README, "text", README_TEXT.encode()), (SBOM, "sbom", bom)):
                size, digest = _add(archive, name, content)
                files.append({"kind": kind, "name": name, "size": size, "sha256": digest})
            listed = {
                "format": 1,
                "made": moment.isoformat(timespec="seconds"),
                "versions": _versions(),
                "commands": list(commands),
                "note": note,
                "attribution": attribution.KOREAN,
                "files": files,
            }
            payload = json.dumps(listed, ensure_ascii=False, separators=(",", ":")).encode()
            _add(archive, LIST, json.dumps(dsse.sign(FORMAT, payload, [key])).encode())
        with building.open("rb+") as file:
            os.fsync(file.fileno())
        building.replace(output)
    finally:
        building.unlink(missing_ok=True)
    progress("files", 1.0)
    return listed


def check(path: Path, trusted: Mapping[str, ec.EllipticCurvePublicKey], progress: Progress = lambda _stage, _fraction: None) -> Checked:
    """Reads an archive as hostile, every byte of it.

    Args:
        trusted: key id -> public key, whose signature counts.

    Raises:
        LnxError: LNX-201 no such file, LNX-250 anything that does not hold, with the file it is about.
    """
    refuse = dsse.refuser(250, str(path))
    if not path.is_file():
        raise LnxError(201, found="no such file", expected="an archive of lnx handover", where=str(path))
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            if names.count(LIST) != 1:
                refuse(f"{names.count(LIST)} files {LIST}", "one")
            if archive.getinfo(LIST).file_size > MAX_LIST:
                refuse(f"{archive.getinfo(LIST).file_size} bytes of {LIST}", f"at most {MAX_LIST}")
            envelope = dsse.parse_envelope(dsse.parse_json(archive.read(LIST), refuse), FORMAT, refuse)
            signer, known = dsse.signed_by(envelope, trusted)
            if signer is None:
                refuse("a broken signature" if known else "a signature by a key that is not trusted", "a signature by a trusted key")
            listed = dsse.parse_json(envelope.payload, refuse)
            files = _listed_files(listed, refuse)
            _compare_names(sorted(set(names) - {LIST}), names, files, refuse)
            for i, (name, (size, digest)) in enumerate(sorted(files.items())):
                progress("check", i / len(files))
                with archive.open(name) as file:
                    actual, seen = hashlib.sha256(), 0
                    for block in _chunks(file):
                        actual.update(block)
                        seen += len(block)
                        if seen > size:
                            break
                if seen != size or actual.hexdigest() != digest:
                    refuse(f"{name} with {seen} bytes, SHA-256 {actual.hexdigest()[:16]}...", f"{size} bytes, SHA-256 {digest[:16]}...")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        refuse(str(error) or type(error).__name__, "a whole ZIP archive")
    progress("check", 1.0)
    return Checked(signer, listed)


def _listed_files(listed: Any, refuse: dsse.Refuse) -> dict[str, tuple[int, str]]:
    """name -> (size, SHA-256)."""
    files: dict[str, tuple[int, str]] = {}
    if not isinstance(listed, dict) or listed.get("format") != 1 or not isinstance(listed.get("files"), list):
        refuse("another list", "a list of format 1")
    for item in listed["files"]:
        name, size, digest = (item.get(key) for key in ("name", "size", "sha256")) if isinstance(item, dict) else (None, None, None)
        if not isinstance(name, str) or not isinstance(size, int) or not isinstance(digest, str) or name in files:
            refuse(f"an entry {str(item)[:80]}", "name, size and sha256, each name once")
        files[name] = (size, digest)
    return files


def _compare_names(present: list[str], all_names: list[str], files: Mapping[str, object], refuse: dsse.Refuse) -> None:
    twice = sorted({name for name in all_names if all_names.count(name) > 1})
    missing, extra = sorted(set(files) - set(present)), sorted(set(present) - set(files))
    if twice or missing or extra:
        told = [f"{what} {names[0]}" for what, names in (("twice:", twice), ("missing:", missing), ("not in the list:", extra)) if names]
        refuse("; ".join(told), "the files of the signed list, each once")
