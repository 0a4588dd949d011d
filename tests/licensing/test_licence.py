"""Licences: what the desk signs is what the plant reads, and nothing else passes."""

from __future__ import annotations

import base64
import json
import time
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import jsonschema
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lnx import LnxError
from lnx.container import dsse, hpke
from lnx.container.keys import key_id, point_of
from lnx.container.trust import Trust, role_key, sign_key_list
from lnx_licensing.licence import LICENCE_TYPE, MAX_ON_TOKEN, chosen, compact, issue, verify, without_key_list
from lnx_licensing.terms import Terms
from supplier_desk import NOW, Desk, new_key

Key = ec.EllipticCurvePrivateKey


def terms(*keys: Key, **fields: Any) -> Terms:
    dongles = [
        {"type": "piv-p256-9e", "serial": str(n), "pub": base64.b64encode(point_of(key.public_key())).decode()}
        for n, key in enumerate(keys)
    ]
    return Terms.model_validate({"license_id": "lic-1", "issued_at": NOW, "dongles": dongles, **fields})


def licence(desk: Desk, *keys: Key, **fields: Any) -> bytes:
    return issue(terms(*keys, **fields), desk.license_key, [desk.family])


def signed(desk: Desk, payload: object) -> bytes:
    """A payload of any shape, signed by the license key: what a desk with a defect might write."""
    return compact(dsse.sign(LICENCE_TYPE, json.dumps(payload).encode(), [desk.license_key]))


def status_of(data: bytes, trust: Trust) -> int:
    with pytest.raises(LnxError) as caught:
        verify(data, trust)
    return caught.value.status


def test_the_family_key_comes_out_with_each_dongle_of_the_licence_and_with_no_other(desk: Desk) -> None:
    main, spare, other = new_key(), new_key(), new_key()
    read = verify(licence(desk, main, spare), desk.trust())
    for key in (main, spare):
        assert read.family_keys(key.public_key(), hpke.software(key)) == [desk.family]
    assert read.family_keys(other.public_key(), hpke.software(other)) == []
    assert read.dongle(other.public_key()) is None


def test_a_wrong_answer_of_the_dongle_opens_nothing(desk: Desk) -> None:
    key = new_key()
    read = verify(licence(desk, key), desk.trust())
    for answer in (bytes(32), b"", hpke.software(new_key())(point_of(key.public_key()))):
        with pytest.raises(LnxError) as caught:
            read.family_keys(key.public_key(), lambda _, answer=answer: answer)
        assert caught.value.status == 311


def test_a_key_that_was_moved_to_another_licence_does_not_open(desk: Desk) -> None:
    key = new_key()
    document = json.loads(base64.b64decode(json.loads(licence(desk, key))["payload"]))
    document["license_id"] = "lic-2"
    read = verify(signed(desk, document), desk.trust())
    with pytest.raises(LnxError):
        read.family_keys(key.public_key(), hpke.software(key))


def test_every_single_bit_flip_of_a_licence_is_refused(desk: Desk) -> None:
    data, trust = licence(desk, new_key()), desk.trust()
    accepted = []
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            verify(bytes(flipped), trust)
            accepted.append(bit)
        except LnxError:
            pass
    assert accepted == []


def test_every_single_bit_flip_of_a_licence_that_carries_its_key_list_is_refused(desk: Desk) -> None:
    data = compact({**json.loads(licence(desk, new_key())), "key_list": desk.key_list})
    roots = Trust(roots=desk.trust().roots)
    verify(data, roots)
    accepted = []
    for bit in range(data.index(b'"key_list"') * 8, 8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            verify(bytes(flipped), roots)
            accepted.append(bit)
        except LnxError:
            pass
    assert accepted == []


def test_a_container_key_cannot_sign_licences(desk: Desk) -> None:
    data = issue(terms(new_key()), desk.container_key, [desk.family])
    assert status_of(data, desk.trust()) == 306


def test_a_license_key_cannot_sign_containers(desk: Desk) -> None:
    assert key_id(desk.license_key.public_key()) not in desk.trust().keys("container", NOW)
    assert key_id(desk.container_key.public_key()) in desk.trust().keys("container", NOW)


def test_a_key_that_is_trusted_for_containers_alone_cannot_sign_licences(desk: Desk) -> None:
    stranger = new_key()
    trust = desk.trust()
    trust.container_keys[key_id(stranger.public_key())] = stranger.public_key()
    assert status_of(issue(terms(new_key()), stranger), trust) == 306


def test_a_root_cannot_sign_licences_itself(desk: Desk) -> None:
    assert status_of(issue(terms(new_key()), desk.root), desk.trust()) == 306


def test_a_key_list_of_another_root_is_refused(desk: Desk) -> None:
    foreign = sign_key_list(9, [role_key(new_key().public_key(), "license")], new_key(), NOW)
    data = compact({**json.loads(licence(desk, new_key())), "key_list": foreign})
    assert status_of(data, desk.trust()) == 307


def test_the_newest_key_list_withdraws_a_key(desk: Desk) -> None:
    data, trust = licence(desk, new_key()), desk.trust()
    trust.add_list(sign_key_list(2, [role_key(new_key().public_key(), "license")], desk.root, NOW), "new list")
    assert status_of(data, trust) == 306
    trust.add_list(desk.key_list, "the old list again")
    assert status_of(data, trust) == 306


def test_a_licence_outlives_its_key_but_is_not_signed_after_it(desk: Desk) -> None:
    entry = role_key(desk.license_key.public_key(), "license", not_before=NOW - timedelta(days=1), not_after=NOW)
    trust = Trust(roots=desk.trust().roots)
    trust.add_list(sign_key_list(2, [entry], desk.root, NOW), "list")
    assert verify(licence(desk, new_key()), trust).terms.license_id == "lic-1"
    assert status_of(licence(desk, new_key(), issued_at=NOW + timedelta(days=1)), trust) == 306


@pytest.mark.parametrize("version", [0, 2, "1", None, True, 1.0, 1.5, [], {}])
def test_an_unknown_version_is_refused(desk: Desk, version: object) -> None:
    fields = json.loads(terms(new_key()).model_dump_json())
    assert status_of(signed(desk, {**fields, "v": version}), desk.trust()) == 304


def test_unknown_fields_are_passed_over(desk: Desk) -> None:
    fields = json.loads(terms(new_key()).model_dump_json())
    fields["dongles"][0]["colour"] = "blue"
    assert verify(signed(desk, {**fields, "seats": 3}), desk.trust()).terms.license_id == "lic-1"


MALFORMED: dict[str, Any] = {
    "license_id": ["", "x" * 64, "a b", 7, None, "../x"],
    "issue": [0, -1, 1.5, "1", True, 1 << 31, None],
    "issued_at": ["2026-11-21", "2026-11-21T07:30:00", "2026-11-21T07:30:00+09:00", "2026-02-30T00:00:00Z", 0, None],
    "not_after": ["soon", 1],
    "maintenance_until": ["2027-13-01", "20271231", 20271231],
    "dongles": [[], None, [{}], [{"type": "usb", "pub": ""}], "x"],
    "host": [{"fp": "x"}, "pc"],
    "features": [[], {"cameras": None}, {"cameras": {"n": 1}}, {"cameras": 0}, {"cameras": True}, {"gpu": "yes"}, {"tools": "ocr"}],
    "models": [[{}], [{"model_id": 1}], [{"model_id": "m", "min_epoch": -1}], {}],
    "keys": [[{"kid": "f", "to": "0" * 16, "enc": "", "ct": ""}], [7], None],
    "grace": [{"unplug_s": -1}, {"boot_s": "60"}, {"expired_h": 1e9}, []],
    "min_core": ["1", "1.0", "v1.0.0", 1],
    "revokes": [["a b"], [1], "x"],
    "runtime_sha256": [["00"], ["G" * 64], "x"],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in MALFORMED.items() for value in values])
def test_a_malformed_field_is_refused_by_name(desk: Desk, field: str, value: object) -> None:
    fields = json.loads(terms(new_key()).model_dump_json())
    with pytest.raises(LnxError) as caught:
        verify(signed(desk, {**fields, field: value}), desk.trust())
    assert caught.value.status == 303 and field in caught.value.found


def test_a_key_for_a_dongle_that_is_not_listed_is_refused(desk: Desk) -> None:
    document = json.loads(base64.b64decode(json.loads(licence(desk, new_key()))["payload"]))
    document["keys"][0]["to"] = "0123456789abcdef"
    assert status_of(signed(desk, document), desk.trust()) == 303


@pytest.mark.parametrize("spelled", ["1e999", "-1e999", "9" * 400, '"\\ud800"', "NaN", "Infinity", "[" * 70 + "]" * 70, "01", "'a'"])
def test_json_that_readers_could_read_differently_is_refused(desk: Desk, spelled: str) -> None:
    """Also in a field that nobody knows: two readers never see two documents."""
    payload = terms(new_key()).model_dump_json()[:-1] + f',"unknown":{spelled}}}'
    assert status_of(compact(dsse.sign(LICENCE_TYPE, payload.encode(), [desk.license_key])), desk.trust()) == 303


def test_a_member_that_stands_twice_is_refused(desk: Desk) -> None:
    data = licence(desk, new_key())
    assert status_of(data.replace(b'{"payloadType"', b'{"payload":"","payloadType"'), desk.trust()) == 303


def test_an_evaluation_lasts_ninety_days_at_most(desk: Desk) -> None:
    def evaluation(days: int | None) -> dict[str, Any]:
        fields = json.loads(terms(new_key()).model_dump_json())
        fields["dongles"][0] = {"type": "software-p256", "pub": fields["dongles"][0]["pub"]}
        fields["not_after"] = None if days is None else (NOW + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return fields

    read = verify(signed(desk, evaluation(90)), desk.trust())
    assert read.terms.evaluation
    for days in (91, None):
        assert status_of(signed(desk, evaluation(days)), desk.trust()) == 303


def test_the_highest_issue_counts_unless_it_is_revoked_or_replaced(desk: Desk) -> None:
    key, trust = new_key(), desk.trust()

    def made(number: int, **fields: Any) -> Any:
        return verify(licence(desk, key, **{"license_id": f"lic-{number}", "issue": number, **fields}), trust)

    old, new = made(1), made(2)
    assert chosen([old, new], key.public_key()) is new
    assert chosen([old, new, made(1, license_id="recall", revokes=["lic-2"])], key.public_key()) is not new
    replacing = made(1, license_id="instead", replaces="lic-2")
    assert chosen([new, replacing], key.public_key()) is replacing
    assert chosen([old, new], new_key().public_key()) is None


def test_a_licence_with_a_spare_dongle_and_two_families_fits_on_a_token(desk: Desk) -> None:
    families = [desk.family, desk.family._replace(kid="fam-2027A")]
    data = issue(terms(new_key(), new_key(), customer="Plant 7", models=[]), desk.license_key, families, desk.key_list)
    assert len(without_key_list(data)) <= MAX_ON_TOKEN
    assert verify(without_key_list(data), desk.trust()).terms.customer == "Plant 7"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=4096))
def test_garbage_is_refused(desk: Desk, data: bytes) -> None:
    assert status_of(data, desk.trust()) == 303


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner),
    )
)
def test_any_signed_json_is_read_or_refused(desk: Desk, payload: object) -> None:
    """Also a key that is trusted may sign nonsense: it never gets further than a status."""
    assert status_of(signed(desk, payload), desk.trust()) in (303, 304)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([*Terms.model_fields, "dongles.0.pub", "keys.0.enc", "keys.0.ct", "keys.0.to", "models.0"]), st.data())
def test_any_value_in_any_field_is_read_or_refused(desk: Desk, field: str, data: st.DataObject) -> None:
    anything = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.lists(st.integers())
        | st.dictionaries(st.text(), st.text())
    )
    document = json.loads(base64.b64decode(json.loads(licence(desk, new_key(), models=[{"model_id": "m"}]))["payload"]))
    place: Any = document
    *path, last = [int(part) if part.isdigit() else part for part in field.split(".")]
    for part in path:
        place = place[part]
    place[last] = data.draw(anything)
    try:
        verify(signed(desk, document), desk.trust())
    except LnxError as error:
        assert error.status in (303, 304)


@pytest.mark.parametrize(
    "garbage", [b"\0" * (1 << 20), b"[" * (1 << 20), b'{"a":' * 200_000, b"\xff" * (1 << 20), b"1" * (1 << 20), b"[" * 200_000]
)
def test_a_megabyte_of_garbage_is_refused_at_once(desk: Desk, garbage: bytes) -> None:
    begin = time.process_time()
    assert status_of(garbage, desk.trust()) == 303
    assert time.process_time() - begin < 5, "of work, however busy the machine is"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1 << 32), st.sampled_from([b"", b"{", b'{"payloadType":"', b'{"payload":', b"[[", b"\xef\xbb\xbf{"]))
def test_a_megabyte_of_random_bytes_is_refused(desk: Desk, seed: int, head: bytes) -> None:
    for size in (1 << 20, 200_000):
        assert status_of(head + Random(seed).randbytes(size), desk.trust()) == 303


def test_issued_licences_and_lists_follow_the_published_schemas(desk: Desk) -> None:
    folder = Path(__file__).resolve().parents[2] / "docs/reference"
    data = licence(desk, new_key(), models=[{"model_id": "weld", "min_epoch": 7}], features={"cameras": 4, "tools": ["a"]}, not_after=NOW)
    for name, document in (("licence", json.loads(data)), ("key-list", desk.key_list)):
        schema = json.loads((folder / f"{name}.schema.json").read_text(encoding="utf-8"))
        payload = json.loads(base64.b64decode(document["payload"]))
        jsonschema.Draft202012Validator(schema).validate(payload)
        assert not jsonschema.Draft202012Validator(schema).is_valid({**payload, "v": 2})
