"""Dongles through a real pcscd, and what OpenSC, yubico-piv-tool, ykman and openssl say about them."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography import x509
from lnx import LnxError
from lnx.container.keys import point_of
from lnx_licensing import attestation, pcsc, record, request, token
from lnx_licensing.licence import verify
from lnx_licensing.pcsc import connect
from lnx_licensing.piv import Piv
from lnx_licensing.provision import provision, store_licence
from smartcard_service import READERS
from supplier_desk import Desk, new_key
from virtual_reader import VirtualReader, exclusive_holder
from virtual_token.card import PivCard
from virtual_token.state import TRIPLE_DES


def make_dongle(reader: VirtualReader, folder: Path, card: PivCard | None = None) -> record.Record:
    reader.insert(card or reader.new_token(4711, key=False))
    with connect(READERS[0]) as connection:
        return provision(Piv(connection), folder, roots=attestation.load_roots([reader.root_path]))[0]


def test_openssl_and_yubico_piv_tool_agree_about_the_attestation(virtual_reader: VirtualReader, tmp_path: Path) -> None:
    made = make_dongle(virtual_reader, tmp_path / "desk")
    tool = ("yubico-piv-tool", "--reader", READERS[0])
    attested, maker = tmp_path / "9e.pem", tmp_path / "f9.pem"
    assert virtual_reader.run(*tool, "-a", "attest", "-s", "9e", "-o", attested).returncode == 0
    assert virtual_reader.run(*tool, "-a", "read-certificate", "-s", "f9", "-o", maker).returncode == 0
    verified = virtual_reader.run("openssl", "verify", "-CAfile", virtual_reader.root_path, "-untrusted", maker, attested)
    assert "OK" in verified.stdout, verified.stdout + verified.stderr
    public = x509.load_pem_x509_certificate(attested.read_bytes()).public_key()
    assert base64.b64encode(point_of(public)).decode() == made.pub  # type: ignore[arg-type]


def test_ykman_writes_with_the_management_key_of_the_record_and_with_no_other(virtual_reader: VirtualReader, tmp_path: Path) -> None:
    made = make_dongle(virtual_reader, tmp_path / "desk")
    write = ("ykman", "--reader", READERS[0], "piv", "objects", "import", "5fc120", virtual_reader.root_path, "--management-key")
    assert virtual_reader.run(*write, "00" * 24).returncode != 0
    written = virtual_reader.run(*write, made.secrets.management_key or "")
    assert written.returncode == 0, written.stdout + written.stderr


def test_ykman_sees_a_dongle_whose_factory_secrets_are_gone(virtual_reader: VirtualReader, tmp_path: Path) -> None:
    make_dongle(virtual_reader, tmp_path / "desk")
    told = virtual_reader.run("ykman", "--reader", READERS[0], "piv", "info").stdout
    assert "default PIN" not in told and "default Management key" not in told, told


def test_opensc_reads_the_certificate_and_the_key_of_the_dongle(virtual_reader: VirtualReader, tmp_path: Path) -> None:
    made = make_dongle(virtual_reader, tmp_path / "desk")
    listed = virtual_reader.run("pkcs15-tool", "--reader", READERS[0], "--list-certificates").stdout
    assert "Certificate for Card Authentication" in listed, listed
    shown = virtual_reader.run("pkcs15-tool", "--reader", READERS[0], "--read-certificate", "04").stdout
    public = x509.load_pem_x509_certificate(shown[shown.index("-----BEGIN") :].encode()).public_key()
    assert base64.b64encode(point_of(public)).decode() == made.pub  # type: ignore[arg-type]


def test_the_licence_travels_on_the_dongle_and_piv_tool_reads_it(virtual_reader: VirtualReader, tmp_path: Path, desk: Desk) -> None:
    made = make_dongle(virtual_reader, tmp_path / "desk")
    card = virtual_reader.slots[0].card
    assert card is not None
    data = desk.licence(card)
    with connect(READERS[0]) as connection:
        store_licence(Piv(connection), made, data)
    shown = virtual_reader.run("piv-tool", "--reader", READERS[0], "--serial")
    assert shown.returncode == 0, shown.stderr
    out = tmp_path / "read.lic"
    tool = ("yubico-piv-tool", "--reader", READERS[0], "-a", "read-object", "--id", "0x5fc120", "-f", "binary", "-o", out)
    assert virtual_reader.run(*tool).returncode == 0
    assert verify(out.read_bytes(), desk.trust()).terms.customer == "Plant 7"
    with pytest.raises(LnxError) as caught, connect(READERS[0]) as connection:
        store_licence(Piv(connection), made, bytes(3064))
    assert caught.value.status == 355


def test_a_token_that_yubico_piv_tool_provisioned_works_as_well(virtual_reader: VirtualReader, tmp_path: Path) -> None:
    card = virtual_reader.new_token(5, key=False)
    card.state.management_algorithm = TRIPLE_DES  # Debian 12's tool knows no other
    virtual_reader.insert(card)
    tool = ("yubico-piv-tool", "--reader", READERS[0])
    made = virtual_reader.run(
        *tool, "-a", "generate", "-s", "9e", "-A", "ECCP256", "--pin-policy=never", "--touch-policy=never", "-o", tmp_path / "pub.pem"
    )
    assert made.returncode == 0, made.stderr
    with token.only(None) as (opened, info, _):
        assert info.serial == "5" and info.generated and info.key is not None
        opened.challenge(info.key)
        asked = request.make(opened, info, [])
    roots = attestation.load_roots([virtual_reader.root_path])
    assert request.dongle_of(asked, None, roots).attested


def test_a_request_survives_the_way_to_the_desk_and_is_compared_with_the_record(
    virtual_reader: VirtualReader, tmp_path: Path, desk: Desk
) -> None:
    made = make_dongle(virtual_reader, tmp_path / "desk")
    with token.only("4711") as (card, info, _):
        request.write(tmp_path / "line 3.lnxreq", request.make(card, info, [], "3호 라인"))
    asked = request.read(tmp_path / "line 3.lnxreq")
    assert asked.note == "3호 라인" and request.dongle_of(asked, made, []).pub == made.pub
    text = (tmp_path / "line 3.lnxreq").read_text(encoding="utf-8")
    for secret in (made.secrets.pin, made.secrets.puk, made.secrets.management_key):
        assert secret not in text
    other = made.model_copy(update={"pub": base64.b64encode(point_of(desk.root.public_key())).decode()})
    with pytest.raises(LnxError) as caught:
        request.dongle_of(asked, other, [])
    assert caught.value.status == 353


def test_a_token_that_another_program_holds_is_named_busy_and_works_when_it_is_let_go(virtual_reader: VirtualReader) -> None:
    virtual_reader.insert()
    with exclusive_holder(virtual_reader):
        with pytest.raises(LnxError) as caught, connect(READERS[0]):
            pass
        assert caught.value.status == 325
    with token.only(None) as (card, info, _):
        assert info.key is not None
        card.challenge(info.key)


def test_pulling_the_token_in_the_middle_is_told_as_such(virtual_reader: VirtualReader) -> None:
    virtual_reader.insert()
    with pytest.raises(LnxError) as caught, connect(READERS[0]) as connection:
        card = Piv(connection)
        virtual_reader.slots[0].remove()
        card.agree(point_of(new_key().public_key()))
    assert caught.value.status == 323


def test_yubico_piv_tool_agrees_with_the_dongle_on_a_key_without_a_pin(virtual_reader: VirtualReader, tmp_path: Path) -> None:
    make_dongle(virtual_reader, tmp_path / "desk")
    tool = ("yubico-piv-tool", "--reader", READERS[0])
    assert virtual_reader.run(*tool, "-a", "read-certificate", "-s", "9e", "-o", tmp_path / "9e.pem").returncode == 0
    tested = virtual_reader.run(*tool, "-a", "test-decipher", "-s", "9e", "-i", tmp_path / "9e.pem")
    assert tested.returncode == 0 and "Successfully performed ECDH exchange" in tested.stdout + tested.stderr, tested.stdout + tested.stderr


def test_a_token_that_hangs_is_told_and_nothing_waits_for_it(virtual_reader: VirtualReader, monkeypatch: pytest.MonkeyPatch) -> None:
    card = virtual_reader.insert()
    card.faults.set("hang")
    with monkeypatch.context() as patch:
        patch.setattr(pcsc, "ANSWER_S", 1.0)
        seen = token.present()  # returns, although the token never answers
    assert [item.error.status for item in seen if item.error] == [327]
    card.faults.set(None)
    with token.only(None) as (again, info, _):
        assert info.key is not None
        again.challenge(info.key)


def test_without_a_token_a_remote_session_is_told_apart(virtual_reader: VirtualReader, monkeypatch: pytest.MonkeyPatch) -> None:
    for remote, status in ((False, 322), (True, 321)):
        monkeypatch.setattr(pcsc, "in_remote_session", lambda remote=remote: remote)
        with pytest.raises(LnxError) as caught, token.only(None):
            pass
        assert caught.value.status == status
