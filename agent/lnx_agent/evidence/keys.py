"""The agent's signing key: made on the machine, protected there, replaced with a note that the old key signs.

Files in `keys/`: `agent.key` (protected, see secrets.py), `agent.vkeys` (public keys, oldest first; the one to hand to the operating
agency). Invariant: the public file never loses a line, so old signatures can be checked for ever.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from lnx_common.files import write_durably

from lnx_agent.evidence.notes import NoteError, Signer, Verifier, opened
from lnx_agent.secrets import load_secret, save_secret

ROTATION = "lnx-edge/key-rotation"


class AgentKeys:
    """The key that signs now, and all that ever signed."""

    def __init__(self, folder: Path) -> None:
        """Makes a key when there is none. Raises PlantError 803 when the key file cannot be opened on this machine."""
        self._private, self._public = folder / "agent.key", folder / "agent.vkeys"
        if not self._private.exists():
            self._store(_new_signer(f"lnx-agent-{secrets.token_hex(4)}"))
        value = json.loads(load_secret(self._private))
        self.signer = Signer(value["name"], Ed25519PrivateKey.from_private_bytes(bytes.fromhex(value["seed"])))
        if self.signer.verifier.to_text() not in self._lines():
            self._add_line(self.signer)

    def verifiers(self) -> list[Verifier]:
        """Every public key, oldest first."""
        return [Verifier.from_text(line) for line in self._lines()]

    def rotate(self) -> str:
        """Makes a new key and returns the note, signed by the old one, that introduces it."""
        old = self.signer
        new = _new_signer(old.name)
        note = old.sign(f"{ROTATION}\n{new.verifier.to_text()}\n")
        self._add_line(new)  # public first: a crash here leaves a line too many, never a signature without its key
        self._store(new)
        self.signer = new
        return note

    def _store(self, signer: Signer) -> None:
        value = {"name": signer.name, "seed": signer.key.private_bytes_raw().hex()}
        save_secret(self._private, json.dumps(value).encode())

    def _lines(self) -> list[str]:
        if not self._public.exists():
            return []
        return [line for line in self._public.read_text(encoding="utf-8").splitlines() if line]

    def _add_line(self, signer: Signer) -> None:
        lines = [*self._lines(), signer.verifier.to_text()]
        write_durably(self._public, ("\n".join(lines) + "\n").encode())


def introduced_by(note: str, old: Verifier) -> Verifier:
    """The key that a rotation note introduces; NoteError when the old key did not sign it."""
    lines = opened(note, old).splitlines()
    if len(lines) != 2 or lines[0] != ROTATION:
        raise NoteError("not a note about a new key")
    return Verifier.from_text(lines[1])


def _new_signer(name: str) -> Signer:
    return Signer(name, Ed25519PrivateKey.generate())
