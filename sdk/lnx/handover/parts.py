"""The parts of a handover: what each file is, what it says about itself, and that no secret is among them.

Kinds: "model" (.lnx), "licence" (.lic), "key" (a public key), "configuration" (TOML, YAML, .ini and the like, JSON with a secret inside;
passwords are blacked out), "report" (all else).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lnx.container import dsse, inspect_container
from lnx.errors import LnxError
from lnx.handover import blackout

MAX_SMALL = 64 << 20  # bytes of a part that is not a model


@dataclass(frozen=True)
class Part:
    """One file of the archive. ``content``: None = the file as it lies on the disk."""

    kind: str
    source: Path
    name: str
    told: dict[str, Any] = field(default_factory=dict)
    content: bytes | None = None


def _secret(path: Path, found: str) -> LnxError:
    return LnxError(251, found=found, expected="a model, licence, configuration, public key or report", where=str(path))


def refuse_secrets(path: Path, data: bytes) -> None:
    """Private keys and family keys stay with their owner."""
    if b"PRIVATE KEY-----" in data:
        raise _secret(path, "a private key")
    if path.name.endswith(".family.json") or (b'"kid"' in data and b'"key"' in data and path.suffix == ".json" and len(data) < 4096):
        raise _secret(path, "a family key")
    if path.name.endswith((".lnxkey", ".p12", ".pfx", ".key")):
        raise _secret(path, f"a key file ({path.suffix})")


def _model(path: Path) -> Part:
    told = inspect_container(path)
    return Part("model", path, f"models/{path.name}", told)


def _licence(path: Path, data: bytes) -> Part:
    refuse = dsse.refuser(250, str(path))
    envelope = dsse.parse_json(data, refuse)
    payload = dsse.decode_base64(envelope.get("payload")) if isinstance(envelope, dict) else None
    if payload is None:
        refuse("no signed document", "a licence file (.lic)")
    told = dsse.parse_json(payload, refuse)
    public = ("license_id", "issue", "customer", "product", "edition", "not_before", "not_after", "maintenance_until", "features", "models")
    return Part("licence", path, f"licences/{path.name}", {key: told[key] for key in public if isinstance(told, dict) and key in told})


def _configuration(path: Path, data: bytes) -> Part:
    """A JSON file in which nothing is secret is a report: its bytes go in as they are."""
    text, shown = blackout.configuration(path, data)
    if path.suffix.lower() == ".json" and shown == text:
        return Part("report", path, f"reports/{path.name}")
    return Part("configuration", path, f"configuration/{path.name}", {"blacked_out": shown != text}, shown.encode())


def take_in(path: Path) -> Part:
    """What a file is, by its name and content.

    Raises:
        LnxError: LNX-201 no such file, LNX-250 it is not what its name says, LNX-251 a secret.
    """
    if not path.is_file():
        raise LnxError(201, found="no such file", expected="a file", where=str(path))
    if path.suffix.lower() == ".lnx":
        return _model(path)
    size = path.stat().st_size
    if size > MAX_SMALL:
        raise LnxError(250, found=f"{size} bytes", expected=f"at most {MAX_SMALL} bytes", where=str(path))
    data = path.read_bytes()
    refuse_secrets(path, data)
    if path.suffix.lower() == ".lic":
        return _licence(path, data)
    if path.suffix.lower() in blackout.KINDS:
        return _configuration(path, data)
    if b"PUBLIC KEY-----" in data:
        return Part("key", path, f"keys/{path.name}")
    return Part("report", path, f"reports/{path.name}")


def described(part: Part, size: int, digest: str) -> dict[str, Any]:
    """The part as the archive's list tells it."""
    told: dict[str, Any] = json.loads(json.dumps(part.told, default=str))
    return {"kind": part.kind, "name": part.name, "size": size, "sha256": digest, **({"told": told} if told else {})}
