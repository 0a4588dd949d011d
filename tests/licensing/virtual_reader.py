"""A smart-card service, a reader with two slots, and tokens to put into them: what a test of anything with a dongle needs."""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from card_watch import wait_until
from cryptography.hazmat.primitives.asymmetric import ec
from smartcard_service import READERS, SmartcardService
from virtual_token.attestation import Maker
from virtual_token.card import PivCard
from virtual_token.state import NEVER, P256, SlotKey, State, point_of
from virtual_token.vpcd import Slot
from virtual_token.yubico import YubiKey

CARD_AUTHENTICATION = 0x9E


class VirtualReader:
    """``insert`` and ``remove`` return when the service has noticed.

    Use as a context manager, with ``environment`` in that of this process.
    """

    def __init__(self, folder: Path, socket_folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.maker = Maker.load(folder)
        self.service = SmartcardService(folder / "service", socket_folder)
        self.slots = [Slot(lambda index=index: self.service.connect(index)) for index in range(len(READERS))]

    def __enter__(self) -> VirtualReader:
        self.service.start()
        return self

    def __exit__(self, *_: object) -> None:
        for slot in self.slots:
            slot.remove()
        self.service.stop()

    @property
    def environment(self) -> dict[str, str]:
        return self.service.environment

    @property
    def root_path(self) -> Path:
        """The certificate (PEM) of the maker of these tokens."""
        return self.folder / "attestation-root.pem"

    def new_token(
        self, serial: int = 12345678, *, maker: bool = True, key: bool = True, firmware: tuple[int, int, int] = (5, 7, 1)
    ) -> PivCard:
        """A token: a YubiKey, or one of another maker. With a key in slot 9E that was made inside it, or fresh from the factory."""
        state = State(serial)
        card = YubiKey(state, self.maker, firmware) if maker else PivCard(state)
        if key:
            state.keys[CARD_AUTHENTICATION] = SlotKey(ec.generate_private_key(ec.SECP256R1()), P256, NEVER, 1, generated=True)
        return card

    def insert(self, card: PivCard | None = None, slot: int = 0) -> PivCard:
        card = card or self.new_token()
        if self.slots[slot].card is not None:
            self.remove(slot)
        self.slots[slot].insert(card)
        self._wait(slot, present=True)
        return card

    def remove(self, slot: int = 0) -> None:
        self.slots[slot].remove()
        self._wait(slot, present=False)

    def _wait(self, slot: int, *, present: bool) -> None:
        if not wait_until(READERS[slot], present=present):
            raise RuntimeError(f"{READERS[slot]} did not become {'present' if present else 'empty'}")

    def present(self, slot: int = 0) -> bool:
        """Whether the service sees a card there, asked by a program that is not ours."""
        listed = self.run("opensc-tool", "--list-readers").stdout
        return any(READERS[slot] in line and " Yes " in line for line in listed.splitlines())

    def run(self, *command: str | Path, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """A client program, as a person would start it beside this reader."""
        environment = {**os.environ, **self.environment}
        words = [str(word) for word in command]
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=timeout)


def public_point(card: PivCard) -> bytes:
    """The 65-byte point of the key in slot 9E."""
    return point_of(card.state.keys[CARD_AUTHENTICATION].key)


def public_base64(card: PivCard) -> str:
    return base64.b64encode(public_point(card)).decode()


@contextlib.contextmanager
def exclusive_holder(reader: VirtualReader, slot: int = 0) -> Iterator[None]:
    """Another process that has opened the token for itself alone, as gpg's scdaemon does."""
    program = f"""
import sys
from smartcard import scard
_, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
either = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
code, card, _ = scard.SCardConnect(context, {READERS[slot]!r}, scard.SCARD_SHARE_EXCLUSIVE, either)
print(code, flush=True)
sys.stdin.read()
"""
    environment = {**os.environ, **reader.environment}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", program], env=environment, **pipes) as holder:
        assert holder.stdin and holder.stdout
        assert holder.stdout.readline().strip() == "0"
        yield
        holder.stdin.close()
