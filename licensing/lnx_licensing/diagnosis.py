"""Why is the dongle not found? Looks at USB, service, readers, token and licence, in this order, and says the fix for each.

Nothing is changed and nothing is opened that another program holds. Each look stands for itself: one that fails does not end the others.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from lnx.container.keys import key_id, point_of
from lnx.container.trust import Trust, load_trust
from lnx.errors import LnxError

from lnx_licensing import installed, licence, pcsc, software_key, usb_linux, usb_windows
from lnx_licensing.findings import Finding, found
from lnx_licensing.piv import Piv
from lnx_licensing.token import TokenInfo, describe
from lnx_licensing.validity import standing

__all__ = ["Finding", "diagnose"]

DRIVER_FOLDERS = ("/usr/lib/pcsc/drivers", "/usr/lib64/pcsc/drivers", "/usr/local/lib/pcsc/drivers")


def diagnose() -> list[Finding]:
    """Everything that can be said, from the cable up to the licence."""
    findings = usb_linux.examine() if sys.platform.startswith("linux") else usb_windows.examine() if sys.platform == "win32" else []
    service = list(_service())
    if any(finding.code.startswith("token-") for finding in service):  # a token that was reached is no question of USB
        findings = [finding for finding in findings if finding.code != "usb-none"]
    return [*findings, *service, *_evaluations()]


def _service() -> Iterator[Finding]:
    try:
        readers = pcsc.readers()
    except LnxError as error:
        yield from _service_down(error)
        return
    yield found("service-ok")
    if not readers:
        yield from _driver()
        yield found("reader-none")
        return
    full = [reader for reader in readers if reader.present]
    if not full:
        yield from (found("reader-empty", reader=reader.name) for reader in readers)
        yield found("readers-empty")
    for reader in full:
        if reader.mute:
            yield found("reader-mute", reader=reader.name)
        else:
            yield from _token(reader.name)


def _service_down(error: LnxError) -> Iterator[Finding]:
    if sys.platform.startswith("linux") and shutil.which("pcscd") is None and not Path("/usr/sbin/pcscd").exists():
        yield found("service-not-installed")
        return
    yield from _driver()
    yield found("service-down", reason=error.found)


def _driver() -> Iterator[Finding]:
    folders = [Path(folder) for folder in DRIVER_FOLDERS if Path(folder).is_dir()]
    if sys.platform.startswith("linux") and folders and not any(any(folder.glob("ifd-ccid.bundle")) for folder in folders):
        yield found("service-no-driver")


def _token(reader: str) -> Iterator[Finding]:
    try:
        with pcsc.connect(reader) as connection:
            card = Piv(connection)
            info = describe(card)
            if info.key is not None:
                card.challenge(info.key)
    except LnxError as error:
        yield found("token-error", reader=reader, status=error.status, found=error.found, fix=error.fix, fix_ko=error.fix_ko)
        return
    if info.key is None:
        yield found("token-blank", serial=info.serial)
        return
    yield found("token-ok", serial=info.serial, keyid=key_id(info.key))
    yield from _licences(info, info.key)


def _licences(info: TokenInfo, key: ec.EllipticCurvePublicKey) -> Iterator[Finding]:
    folder = installed.licence_folder()
    try:
        trust = load_trust()
    except LnxError as error:
        yield found("licence-bad", path=error.where, status=error.status, found=error.found, fix=error.fix, fix_ko=error.fix_ko)
        return
    known = [*installed.find(trust, folder), *_on_token(info, trust)]
    for item in known:
        if item.error is not None:
            facts = {"status": item.error.status, "found": item.error.found, "fix": item.error.fix, "fix_ko": item.error.fix_ko}
            yield found("licence-bad", path=str(item.path), **facts)
    good = {item.licence.terms.license_id: item for item in known if item.licence is not None}
    chosen = licence.chosen([item.licence for item in good.values() if item.licence], key)
    if chosen is None:
        yield found("licence-none", serial=info.serial, folder=str(folder))
        return
    name = chosen.terms.license_id
    yield found("licence-ok", id=name, path=str(good[name].path))
    days = standing(chosen, licence.now())
    if days.phase != "valid":
        yield found("licence-days", id=name, phase=days.phase)
    elif days.warn:
        yield found("licence-soon", id=name, days=days.days_left)


def _evaluations() -> Iterator[Finding]:
    """Evaluation licences of this machine, which need a key file and no dongle."""
    try:
        known = installed.find(load_trust())
    except LnxError:
        return  # told with the dongle, or by `lnx license verify`
    for item in known:
        if item.licence is None or not item.licence.terms.evaluation:
            continue
        name, days = item.licence.terms.license_id, standing(item.licence, licence.now())
        points = {point_of(entry.public_key) for entry in item.licence.terms.dongles}
        if days.phase != "valid":
            yield found("licence-days", id=name, phase=days.phase)
        elif software_key.beside(item.path, points) is None:
            yield found("evaluation-no-key", id=name, path=str(item.path))
        else:
            yield found("evaluation-ok", id=name, path=str(item.path))
            if days.warn:
                yield found("licence-soon", id=name, days=days.days_left)


def _on_token(info: TokenInfo, trust: Trust) -> Iterator[installed.Found]:
    if info.licence is None:
        return
    path = Path(f"dongle {info.serial}")
    try:
        yield installed.Found(path, licence.verify(info.licence, trust, str(path)), None)
    except LnxError as error:
        yield installed.Found(path, None, error)
