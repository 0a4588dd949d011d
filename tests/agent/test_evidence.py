"""The hash tree and the notes agree with RFC 9162 and with an implementation that we did not write."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from lnx_agent.evidence.keys import AgentKeys, introduced_by
from lnx_agent.evidence.merkle import EMPTY_ROOT, Frontier, leaf_hash, root_of
from lnx_agent.evidence.notes import Checkpoint, NoteError, Signer, Verifier, cosigned_at, opened, split
from lnx_agent.secrets import load_secret, save_secret
from lnx_common.errors import PlantError

VECTORS = json.loads((Path(__file__).parent / "vectors/tlog.json").read_text(encoding="utf-8"))


def test_roots_equal_those_of_the_go_checksum_database() -> None:
    tree = Frontier()
    for n, root in enumerate(VECTORS["roots"]):
        tree.add(leaf_hash(b"record %d" % n))
        assert base64.b64encode(tree.root()).decode() == root


def test_notes_equal_those_of_the_go_checksum_database() -> None:
    verifier = Verifier.from_text(VECTORS["vkey"])
    signer = Signer(verifier.name, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["seed"])))
    text = opened(VECTORS["note"], verifier)
    assert signer.sign(text) == VECTORS["note"]
    assert signer.verifier.to_text() == VECTORS["vkey"]
    assert Checkpoint.from_text(text).size == 100


@given(st.lists(st.binary(max_size=4), max_size=70), st.integers(0, 70))
def test_the_frontier_is_the_definition_at_every_size_and_survives_its_text_form(records: list[bytes], cut: int) -> None:
    leaves = [leaf_hash(record) for record in records]
    tree = Frontier()
    tree.extend(leaves[:cut])
    tree = Frontier.from_text(tree.size, tree.to_text())
    tree.extend(leaves[cut:])
    assert tree.root() == root_of(leaves)
    assert Frontier().root() == EMPTY_ROOT


@given(st.integers(0, 10**6), st.integers(0, 7))
def test_no_changed_bit_of_a_note_is_believed(at: int, bit: int) -> None:
    verifier = Verifier.from_text(VECTORS["vkey"])
    raw = bytearray(VECTORS["note"].encode())
    raw[at % len(raw)] ^= 1 << bit
    with pytest.raises((NoteError, UnicodeDecodeError)):
        opened(raw.decode(), verifier)


@given(st.text(max_size=300))
def test_no_text_breaks_the_parser(text: str) -> None:
    for parse in (split, Checkpoint.from_text, Verifier.from_text):
        try:
            parse(text)
        except NoteError:
            continue


def test_a_cosignature_fits_its_checkpoint_and_time_alone() -> None:
    agent, receiver = (Signer(name, Ed25519PrivateKey.generate()) for name in ("agent", "receiver"))
    note = agent.sign(Checkpoint("lnx-edge/a", 7, bytes(32)).to_text())
    other = agent.sign(Checkpoint("lnx-edge/a", 8, bytes(32)).to_text())
    line = receiver.cosign(note, 1_790_000_000)
    assert cosigned_at(split(note)[0], line, receiver.verifier) == 1_790_000_000
    assert opened(note + line, agent.verifier) == split(note)[0]  # it may stand under the note
    for text, verifier in ((split(other)[0], receiver.verifier), (split(note)[0], agent.verifier)):
        with pytest.raises(NoteError):
            cosigned_at(text, line, verifier)


def test_the_old_key_introduces_the_new_one(tmp_path: Path) -> None:
    keys = AgentKeys(tmp_path)
    old = keys.signer.verifier
    note = keys.rotate()
    assert introduced_by(note, old) == keys.signer.verifier != old
    assert AgentKeys(tmp_path).verifiers() == [old, keys.signer.verifier]
    with pytest.raises(NoteError):
        introduced_by(note, keys.signer.verifier)


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    save_secret(tmp_path / "token", b"geheim")
    assert load_secret(tmp_path / "token") == b"geheim"
    (tmp_path / "token").chmod(0o644)
    with pytest.raises(PlantError) as raised:
        load_secret(tmp_path / "token")
    assert raised.value.status == 804
    assert "geheim" not in raised.value.text()


def test_a_secret_of_systemd_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "token").write_bytes(b"from systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    assert load_secret(tmp_path / "token") == b"from systemd"
