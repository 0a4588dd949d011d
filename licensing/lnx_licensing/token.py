"""A dongle as people see it: which reader, which serial number, which key, what is stored on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from lnx.errors import LnxError

from lnx_licensing import pcsc, piv, status, tlv
from lnx_licensing.attestation import UNREADABLE
from lnx_licensing.piv import Piv, RefusedError


@dataclass(frozen=True)
class TokenInfo:
    """``serial`` is the maker's number, or the card's GUID in hex where the maker gives none. ``key`` is that of slot 9E, if any."""

    serial: str
    firmware: tuple[int, ...] | None
    key: ec.EllipticCurvePublicKey | None
    generated: bool | None  # None: the token does not tell
    licence: bytes | None

    @property
    def firmware_text(self) -> str:
        return ".".join(map(str, self.firmware or ()))


def describe(token: Piv) -> TokenInfo:
    """Reads what a token tells without any PIN or key."""
    serial = token.maker_serial()
    info = token.key_info()
    key = _point(info.point) if info else _certified(token)
    return TokenInfo(
        serial=str(serial) if serial is not None else _guid(token),
        firmware=token.firmware(),
        key=key,
        generated=info.generated if info else None,
        licence=token.get_object(piv.LICENCE_OBJECT),
    )


def _point(point: bytes) -> ec.EllipticCurvePublicKey | None:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        return None


def _certified(token: Piv) -> ec.EllipticCurvePublicKey | None:
    """The key by the certificate in its slot, which provisioning writes; for tokens that do not describe their keys."""
    der = token.certificate(piv.SLOT_CERTIFICATE)
    if der is None:
        return None
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except UNREADABLE:
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1" else None


def _guid(token: Piv) -> str:
    chuid = token.get_object(piv.CHUID)
    try:
        guid = tlv.decode(chuid).get(0x34, b"") if chuid else b""
    except ValueError:
        guid = b""
    return guid.hex() if any(guid) else ""


@dataclass(frozen=True)
class Seen:
    """A reader with a token, or with the reason why it could not be read."""

    reader: str
    info: TokenInfo | None
    error: LnxError | None


def present() -> list[Seen]:
    """Every reader that holds a card, with what the card tells."""
    found = []
    for reader in pcsc.readers():
        if not reader.present:
            continue
        try:
            with pcsc.connect(reader.name) as connection:
                found.append(Seen(reader.name, describe(Piv(connection)), None))
        except LnxError as error:
            found.append(Seen(reader.name, None, error))
    return found


@contextmanager
def only(serial: str | None) -> Iterator[tuple[Piv, TokenInfo, str]]:
    """The one dongle that is meant: the named one, or the only one there is. LNX-321, LNX-322, LNX-354, or why it could not be read."""
    seen = present()
    readable = [item for item in seen if item.info is not None and serial in (None, item.info.serial)]
    if not readable:
        failed = [item.error for item in seen if item.error is not None]
        if failed:
            raise failed[0]
        numbers = ", ".join(item.info.serial for item in seen if item.info) or "no token in any reader"
        remote = not seen and pcsc.in_remote_session()
        raise LnxError(
            status.RDP_SESSION if remote else status.NO_READER,
            found=numbers,
            expected=f"dongle {serial}" if serial else "one dongle",
            where="readers",
        )
    if len(readable) > 1:
        numbers = ", ".join(item.info.serial for item in readable if item.info)
        raise LnxError(status.SEVERAL_DONGLES, found=numbers, expected="one", where="readers")
    with pcsc.connect(readable[0].reader) as connection:
        token = Piv(connection)
        yield token, describe(token), readable[0].reader


def has_management_key(token: Piv, key: bytes, algorithm: int) -> bool:
    """Whether the token takes this management key. Nothing is blocked by asking."""
    try:
        token.authenticate(key, algorithm)
    except RefusedError:
        return False
    return True
