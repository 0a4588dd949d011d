"""Makes a fresh token a dongle, with raw commands and in an order that loses nothing when it is interrupted.

1 look       serial, firmware; refuses a token that was provisioned before (unless it is to be erased)
2 record     random management key, PIN and PUK go to the desk's record before the token learns them
3 generate   a P-256 key in slot 9E, made inside the token, no PIN, no touch
4 attest     the maker's proof, checked to the pinned roots
5 describe   certificate of the slot and card identifier, so that other programs recognise the token
6 close      management key, PIN and PUK are set: from here on only the desk can change it
7 prove      a fresh challenge; then the record is marked as done
"""

from __future__ import annotations

import base64
import datetime
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lnx.container.keys import point_of
from lnx.errors import LnxError

from lnx_licensing import attestation, piv, record, status, tlv, token
from lnx_licensing.licence import MAX_ON_TOKEN, now
from lnx_licensing.piv import Piv, RefusedError
from lnx_licensing.record import Record, Secrets

STEPS = ("look", "record", "generate", "attest", "describe", "close", "prove")
FASC_N = bytes.fromhex("d4e739da739ced39ce739d836858210842108421c84210c3eb")  # "no agency", as SP 800-73 has it for others
Progress = Callable[[str, float], None]


@dataclass
class Plan:
    """What provisioning found and would do, for a dry run and for the report."""

    serial: str
    firmware: str
    fresh: bool
    erase: bool
    attests: bool
    steps: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def examine(card: Piv, *, reset: bool, allow_unattested: bool) -> Plan:
    """Looks at a token and says what would happen; changes nothing. LNX-351 for one that is not fresh, LNX-350 for old firmware."""
    info = token.describe(card)
    algorithm = _factory_algorithm(card)
    fresh = info.key is None and algorithm is not None
    plan = Plan(info.serial, info.firmware_text, fresh, erase=reset and not fresh, attests=info.firmware is not None)
    if not fresh and not reset:
        found = "a key in slot 9E" if info.key is not None else "a management key that is not the factory's"
        raise LnxError(status.NOT_FRESH, found=f"{found} on dongle {info.serial}", expected="a fresh token", where="provisioning")
    if plan.erase and info.firmware is None:
        found = f"token {info.serial or 'without number'}, which has no command to erase it"
        raise LnxError(status.NOT_FRESH, found=found, expected="a fresh token", where="provisioning", fix="use a fresh token")
    if info.firmware is not None and info.firmware < attestation.LEAST_FIRMWARE and not allow_unattested:
        found = f"firmware {info.firmware_text}"
        raise LnxError(status.ATTESTATION, found=found, expected="5.7.0 or later (EUCLEAK)", where="provisioning")
    if not plan.attests and not allow_unattested:
        found = "a token that makes no attestation"
        raise LnxError(status.ATTESTATION, found=found, expected="a maker's proof", where="provisioning")
    plan.steps = [*(["erase"] if plan.erase else []), *STEPS]
    return plan


def provision(
    card: Piv,
    folder: Path,
    *,
    roots: Sequence[x509.Certificate],
    reset: bool = False,
    allow_unattested: bool = False,
    progress: Progress | None = None,
) -> tuple[Record, Plan]:
    """Makes the token a dongle and writes its record into ``folder``. Returns both; ``plan.warnings`` tells what the token could not do."""
    tell = progress or (lambda step, fraction: None)
    plan = examine(card, reset=reset, allow_unattested=allow_unattested)
    if plan.erase:
        tell("erase", 0.05)
        card.erase()
    tell("look", 0.1)
    algorithm = _factory_algorithm(card)
    if algorithm is None:
        raise LnxError(status.NOT_FRESH, found="a management key that is not the factory's", expected="a fresh token", where="provisioning")
    guid = os.urandom(16)
    serial = plan.serial if plan.attests else guid.hex()

    tell("record", 0.2)
    new_key = secrets.token_bytes(24)
    hidden = Secrets(management_algorithm=piv.AES192, management_key=new_key.hex(), pin=_digits(8), puk=_digits(8))
    draft = Record(state="begun", serial=serial, firmware=plan.firmware, secrets=hidden, provisioned_at=now())
    record.retire(folder, serial)
    record.save(folder, draft)

    tell("generate", 0.35)
    card.authenticate(piv.FACTORY_MANAGEMENT_KEY, algorithm)
    key = card.generate(policies=plan.attests)
    draft = draft.model_copy(update={"pub": base64.b64encode(point_of(key)).decode()})

    tell("attest", 0.5)
    proof = _attested(card, key, serial, roots, plan, allow_unattested)
    draft = draft.model_copy(update={"attested": proof is not None, "attestation": proof})
    record.save(folder, draft)

    tell("describe", 0.65)
    card.put_certificate(piv.SLOT_CERTIFICATE, proof.key_der if proof else _certificate(key, serial))
    card.put_object(piv.CHUID, _chuid(guid))

    tell("close", 0.8)
    hidden = _close(card, hidden, algorithm, plan)

    tell("prove", 0.95)
    card.challenge(key)
    done = draft.model_copy(update={"state": "done", "secrets": hidden})
    record.save(folder, done)
    tell("done", 1.0)
    return done, plan


def _factory_algorithm(card: Piv) -> int | None:
    """The kind of management key, when it still is the factory's."""
    told = card.management_algorithm()
    for algorithm in (told,) if told is not None else (piv.TRIPLE_DES, piv.AES192):
        if algorithm in (piv.TRIPLE_DES, piv.AES192) and token.has_management_key(card, piv.FACTORY_MANAGEMENT_KEY, algorithm):
            return algorithm
    return None


def _attested(
    card: Piv, key: ec.EllipticCurvePublicKey, serial: str, roots: Sequence[x509.Certificate], plan: Plan, allow_unattested: bool
) -> record.Attestation | None:
    try:
        key_der, maker_der = card.attest(), card.certificate(piv.MAKER_CERTIFICATE)
        if key_der is None or maker_der is None:
            raise LnxError(status.ATTESTATION, found="a token that makes no attestation", expected="a maker's proof", where="provisioning")
        told = attestation.check(key_der, maker_der, key, roots)
        if str(told.serial) != serial:
            found = f"a certificate for token {told.serial}"
            raise LnxError(status.ATTESTATION, found=found, expected=f"token {serial}", where="attestation")
    except LnxError as error:
        if error.status != status.ATTESTATION or not allow_unattested:
            raise
        plan.warnings.append(f"not attested: {error.found}")
        return None
    return record.Attestation(key=base64.b64encode(key_der).decode(), maker=base64.b64encode(maker_der).decode())


def _close(card: Piv, hidden: Secrets, algorithm: int, plan: Plan) -> Secrets:
    """Takes the token out of everybody's hands but the desk's."""
    card.change_reference(piv.PIN, piv.FACTORY_PIN, hidden.pin)
    card.change_reference(piv.PUK, piv.FACTORY_PUK, hidden.puk)
    try:
        card.set_management_key(bytes.fromhex(hidden.management_key or ""), hidden.management_algorithm)
    except RefusedError as refusal:
        if refusal.sw not in (piv.NO_COMMAND, 0x6A81):
            raise
        plan.warnings.append("the management key stays the factory's: this token has no command to change it")
        return hidden.model_copy(update={"management_key": None, "management_algorithm": algorithm})
    card.authenticate(bytes.fromhex(hidden.management_key or ""), hidden.management_algorithm)
    return hidden


def _digits(count: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(count))


def _chuid(guid: bytes) -> bytes:
    """The card holder identifier: a GUID of its own, no agency, no expiry worth mentioning."""
    fields = ((0x30, FASC_N), (0x34, guid), (0x35, b"20991231"), (0x3E, b""), (0xFE, b""))
    return b"".join(tlv.encode(tag, value) for tag, value in fields)


def _certificate(key: ec.EllipticCurvePublicKey, serial: str) -> bytes:
    """A certificate that names the key for tokens which make none themselves. Nobody vouches by it: its signer is thrown away."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"LNX dongle {serial}"[:64])])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - datetime.timedelta(days=1))
        .not_valid_after(datetime.datetime(2099, 12, 31, tzinfo=datetime.UTC))
    )
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def store_licence(card: Piv, own: Record, data: bytes) -> None:
    """Writes a licence into the token's data object, with the desk's management key. LNX-355 when it is too large."""
    if len(data) > MAX_ON_TOKEN:
        expected = f"at most {MAX_ON_TOKEN} bytes"
        raise LnxError(status.TOKEN_SPACE, found=f"{len(data)} bytes", expected=expected, where=f"dongle {own.serial}")
    card.challenge(own.public_key)
    stored = own.secrets.management_key
    card.authenticate(bytes.fromhex(stored) if stored else piv.FACTORY_MANAGEMENT_KEY, own.secrets.management_algorithm)
    card.put_object(piv.LICENCE_OBJECT, data)
    if card.get_object(piv.LICENCE_OBJECT) != data:
        raise LnxError(status.TOKEN_REFUSED, found="other bytes than were written", expected="the licence", where=f"dongle {own.serial}")
