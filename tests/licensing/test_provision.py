"""Provisioning by raw commands, attestation, records and requests; tokens that lie and lines that damage."""

from __future__ import annotations

import contextlib
import json
import stat
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lnx import LnxError
from lnx_licensing import attestation, piv, record, request, tlv, token
from lnx_licensing.piv import Piv, RefusedError
from lnx_licensing.provision import examine, provision
from virtual_reader import public_base64
from virtual_token.attestation import Maker
from virtual_token.card import PivCard
from virtual_token.state import FACTORY_MANAGEMENT_KEY, State
from virtual_token.yubico import YubiKey


@pytest.fixture
def maker() -> Maker:
    return Maker.new()


@pytest.fixture
def fresh(maker: Maker) -> YubiKey:
    return YubiKey(State(4711), maker)


def test_a_fresh_token_becomes_a_dongle(fresh: YubiKey, maker: Maker, tmp_path: Path) -> None:
    steps: list[str] = []
    made, plan = provision(Piv(fresh), tmp_path, roots=[maker.root], progress=lambda step, _: steps.append(step))
    assert made.state == "done" and made.attested and made.serial == "4711" and plan.warnings == []
    assert made.pub == public_base64(fresh)
    assert steps == ["look", "record", "generate", "attest", "describe", "close", "prove", "done"]
    assert record.find(tmp_path, "4711") == made


def test_after_provisioning_only_the_desk_can_change_the_token(fresh: YubiKey, maker: Maker, tmp_path: Path) -> None:
    made, _ = provision(Piv(fresh), tmp_path, roots=[maker.root])
    stranger = Piv(fresh)
    with pytest.raises(RefusedError):
        stranger.put_object(piv.LICENCE_OBJECT, b"x")
    for algorithm in (piv.TRIPLE_DES, piv.AES192):
        assert not token.has_management_key(stranger, FACTORY_MANAGEMENT_KEY, algorithm)
    with pytest.raises(RefusedError):
        stranger.change_reference(piv.PIN, piv.FACTORY_PIN, "111111")
    assert made.secrets.management_key and token.has_management_key(stranger, bytes.fromhex(made.secrets.management_key), piv.AES192)


def test_each_dongle_has_secrets_of_its_own_readable_for_the_owner_alone(maker: Maker, tmp_path: Path) -> None:
    secrets = []
    for serial in (1, 2):
        made, _ = provision(Piv(YubiKey(State(serial), maker)), tmp_path, roots=[maker.root])
        secrets.append(made.secrets)
        assert stat.S_IMODE(record.path_of(tmp_path, str(serial)).stat().st_mode) == 0o600
    assert secrets[0].management_key != secrets[1].management_key and secrets[0].pin != secrets[1].pin


def test_a_dry_run_changes_nothing(fresh: YubiKey, tmp_path: Path) -> None:
    before = (dict(fresh.state.keys), dict(fresh.state.objects), fresh.state.management_key)
    plan = examine(Piv(fresh), reset=False, allow_unattested=False)
    assert plan.fresh and plan.steps[0] == "look"
    assert before == (fresh.state.keys, fresh.state.objects, fresh.state.management_key)
    assert list(tmp_path.iterdir()) == []


def test_a_dongle_is_not_provisioned_twice_unless_it_is_to_be_erased(fresh: YubiKey, maker: Maker, tmp_path: Path) -> None:
    first, _ = provision(Piv(fresh), tmp_path, roots=[maker.root])
    with pytest.raises(LnxError) as caught:
        provision(Piv(fresh), tmp_path, roots=[maker.root])
    assert caught.value.status == 351
    second, plan = provision(Piv(fresh), tmp_path, roots=[maker.root], reset=True)
    assert plan.erase and second.pub != first.pub
    assert len(list(tmp_path.glob("4711.*.retired.json"))) == 1


@pytest.mark.parametrize("step", ["generate", "attest", "describe", "close", "prove"])
def test_whatever_step_is_interrupted_the_desk_knows_the_secrets_of_the_token(
    step: str, fresh: YubiKey, maker: Maker, tmp_path: Path
) -> None:
    def pull(now: str, _: float) -> None:
        if now == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        provision(Piv(fresh), tmp_path, roots=[maker.root], progress=pull)
    begun = record.find(tmp_path, "4711")
    assert begun.state == "begun"
    key = fresh.state.management_key
    assert key == FACTORY_MANAGEMENT_KEY or key.hex() == begun.secrets.management_key
    again, _ = provision(Piv(fresh), tmp_path, roots=[maker.root], reset=True)
    assert again.state == "done"


def test_a_token_with_a_known_weakness_is_refused(maker: Maker, tmp_path: Path) -> None:
    old = YubiKey(State(1), maker, firmware=(5, 4, 3))
    with pytest.raises(LnxError) as caught:
        provision(Piv(old), tmp_path, roots=[maker.root])
    assert caught.value.status == 350 and "5.4.3" in caught.value.found and list(tmp_path.iterdir()) == []


def test_a_token_of_an_unknown_maker_is_refused_and_named(fresh: YubiKey, tmp_path: Path) -> None:
    with pytest.raises(LnxError) as caught:
        provision(Piv(fresh), tmp_path, roots=attestation.pinned())
    assert caught.value.status == 350 and "LNX test attestation root" in caught.value.found


def test_a_token_without_attestation_is_provisioned_when_the_desk_says_so(tmp_path: Path) -> None:
    plain = PivCard(State(1))
    with pytest.raises(LnxError) as caught:
        provision(Piv(plain), tmp_path, roots=[])
    assert caught.value.status == 350
    made, plan = provision(Piv(plain), tmp_path, roots=[], allow_unattested=True)
    assert not made.attested and made.secrets.management_key is None and len(plan.warnings) == 2
    seen = token.describe(Piv(plain))
    assert seen.serial == made.serial and seen.key is not None
    Piv(plain).challenge(seen.key)


def test_an_attestation_counts_only_for_the_key_the_slot_and_the_policies_it_names(fresh: YubiKey, maker: Maker) -> None:
    card = Piv(fresh)
    card.authenticate(FACTORY_MANAGEMENT_KEY, piv.AES192)
    key = card.generate(policies=True)
    maker_der, key_der = card.certificate(piv.MAKER_CERTIFICATE), card.attest()
    assert maker_der is not None and key_der is not None
    assert attestation.check(key_der, maker_der, key, [maker.root]).serial == 4711
    other = Maker.new()
    for der, by, whose, roots, says in [
        (key_der, maker_der, key, [other.root], "chain"),
        (key_der, maker_der, key, [], "chain"),
        (maker_der, maker_der, key, [maker.root], "did not sign"),
        (key_der[:-1] + bytes([key_der[-1] ^ 1]), maker_der, key, [maker.root], ""),
        (b"", maker_der, key, [maker.root], "cannot be read"),
        (key_der, maker_der, maker.key.public_key(), [maker.root], "another key"),
    ]:
        with pytest.raises(LnxError) as caught:
            attestation.check(der, by, whose, roots)
        assert caught.value.status == 350 and says in caught.value.found
    card.generate(policies=True)
    fresh.state.keys[0x9E].touch_policy = 2
    touched, point = card.attest(), fresh.state.keys[0x9E].key.public_key()
    assert touched is not None
    with pytest.raises(LnxError, match="policy"):
        attestation.check(touched, maker_der, point, [maker.root])


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_every_bit_flip_in_what_an_attestation_says_is_refused(fresh: YubiKey, maker: Maker) -> None:
    """Outside the signed part a few bits of the envelope have no meaning; flipping them changes nothing that is told."""
    card = Piv(fresh)
    card.authenticate(FACTORY_MANAGEMENT_KEY, piv.AES192)
    key = card.generate(policies=True)
    maker_der, key_der = card.certificate(piv.MAKER_CERTIFICATE), card.attest()
    assert maker_der is not None and key_der is not None
    told = attestation.check(key_der, maker_der, key, [maker.root])
    accepted = []
    for name, data in (("key", key_der), ("maker", maker_der)):
        signed = x509.load_der_x509_certificate(data).tbs_certificate_bytes
        begin = data.index(signed)
        for bit in range(8 * len(data)):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            pair = (bytes(flipped), maker_der) if name == "key" else (key_der, bytes(flipped))
            try:
                assert attestation.check(*pair, key, [maker.root]) == told
                accepted += [(name, bit)] if begin <= bit // 8 < begin + len(signed) else []
            except LnxError as error:
                assert error.status == 350
    assert accepted == []


def test_the_pinned_roots_are_yubicos_and_each_intermediate_leads_to_one() -> None:
    names = {attestation._common_name(certificate): certificate for certificate in attestation.pinned()}
    roots = {name for name, certificate in names.items() if attestation._issued(certificate, certificate)}
    assert roots == {"Yubico PIV Root CA Serial 263751", "Yubico Attestation Root 1"}
    for certificate in names.values():
        assert attestation._climb(certificate, attestation.pinned()) in roots


class LyingToken:
    """Answers each command with what it is told to, then with success and nothing."""

    def __init__(self, answers: list[bytes]) -> None:
        self.answers = list(answers)

    def transmit(self, command: bytes) -> bytes:
        return self.answers.pop(0) if self.answers else b"\x90\x00"


SW = st.sampled_from([b"\x90\x00", b"\x61\x00", b"\x61\xff", b"\x6a\x82", b"\x6d\x00", b"\x63\xc0", b"\x69\x83", b"", b"\x00"])
SHAPES = st.sampled_from([0x53, 0x70, 0x7C, 0x80, 0x82, 0x86, 0x7F49, 1, 2, 3, 4])
BODY = st.recursive(
    st.binary(max_size=40), lambda inner: st.builds(lambda tag, value: tlv.encode(tag, value[:60000]), SHAPES, inner), max_leaves=3
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.builds(lambda body, sw: body + sw, BODY, SW), max_size=20))
def test_a_token_that_lies_ends_in_a_status(tmp_path: Path, maker: Maker, answers: list[bytes]) -> None:
    for work in (
        lambda card: token.describe(card),
        lambda card: request.make(card, token.describe(card), []),
        lambda card: provision(card, tmp_path, roots=[maker.root], reset=True, allow_unattested=True),
    ):
        with contextlib.suppress(LnxError):
            work(Piv(LyingToken([b"\x90\x00", *answers])))


def test_a_token_that_never_stops_talking_is_cut_off() -> None:
    with pytest.raises(LnxError):
        Piv(LyingToken([b"x" * 256 + b"\x61\xff"] * 10_000))


class DamagedLine:
    """A good token whose answer to one command arrives with one byte changed."""

    def __init__(self, card: PivCard, command: int, place: int, change: int) -> None:
        self.card, self.command, self.place, self.change = card, command, place, change

    def transmit(self, command: bytes) -> bytes:
        answer = bytearray(self.card.transmit(command))
        self.command -= 1
        if self.command == 0:
            answer[self.place % len(answer)] ^= self.change
        return bytes(answer)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 40), st.integers(0, 1000), st.integers(1, 255))
def test_a_damaged_answer_ends_in_a_status_or_in_a_true_record(tmp_path: Path, maker: Maker, command: int, place: int, change: int) -> None:
    card = YubiKey(State(4711), maker)
    try:
        made, _ = provision(Piv(DamagedLine(card, command, place, change)), tmp_path, roots=[maker.root])
    except LnxError:
        return
    assert made.pub == public_base64(card) and made.secrets.management_key == card.state.management_key.hex()


@pytest.mark.parametrize(
    "change",
    [
        {"lnx_request": 2},
        {"dongle": {}},
        {"created_at": "today"},
        {"licences": {}},
        {"attestation": 1},
        {"attestation": {"key": "x", "maker": "x"}},
    ],
)
def test_a_malformed_request_is_refused(change: dict[str, object], fresh: YubiKey, maker: Maker, tmp_path: Path) -> None:
    provision(Piv(fresh), tmp_path, roots=[maker.root])
    card = Piv(fresh)
    whole = json.loads(request.make(card, token.describe(card), []).model_dump_json())
    for data in (json.dumps({**whole, **change}).encode(), b"", b"\xff", bytes(1 << 20), b"[" * 60_000):
        with pytest.raises(LnxError) as caught:
            request.parse(data, "request")
        assert caught.value.status == 353


@pytest.mark.parametrize("content", ["", "{}", "\x00", '{"lnx_dongle":1}', "[]"])
def test_a_damaged_record_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "4711.dongle.json").write_text(content)
    with pytest.raises(LnxError) as caught:
        record.find(tmp_path, "4711")
    assert caught.value.status == 352 and "4711" in caught.value.where


def test_a_record_under_anothers_name_is_refused(fresh: YubiKey, maker: Maker, tmp_path: Path) -> None:
    provision(Piv(fresh), tmp_path, roots=[maker.root])
    record.path_of(tmp_path, "4711").rename(tmp_path / "4712.dongle.json")
    with pytest.raises(LnxError) as caught:
        record.find(tmp_path, "4712")
    assert caught.value.status == 352
