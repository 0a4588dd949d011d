"""The trust folder: which files give which key which role, and what a bad file does."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lnx import LnxError
from lnx.container import dsse
from lnx.container.keys import key_id, write_public_key
from lnx.container.trust import KEY_LIST_TYPE, load_trust, role_key, sign_key_list, write_key_list
from supplier_desk import NOW, Desk, new_key


@pytest.fixture
def folder(tmp_path: Path, desk: Desk) -> Path:
    place = tmp_path / "신뢰"
    place.mkdir()
    write_public_key(place / "acme.root-pub.pem", desk.root.public_key())
    write_key_list(place / "acme.keylist.json", desk.key_list)
    return place


def test_a_root_gives_nothing_but_its_list_gives_each_key_its_role(folder: Path, desk: Desk) -> None:
    trust = load_trust(folder=folder)
    assert set(trust.keys("license", NOW)) == {key_id(desk.license_key.public_key())}
    assert set(trust.keys("container", NOW)) == {key_id(desk.container_key.public_key())}


def test_a_single_key_in_the_folder_signs_containers_and_never_licences(folder: Path) -> None:
    own = new_key().public_key()
    write_public_key(folder / "line-a.container-pub.pem", own)
    trust = load_trust(folder=folder)
    assert key_id(own) in trust.keys("container", NOW) and key_id(own) not in trust.keys("license", NOW)


def test_an_old_list_beside_the_new_one_does_not_bring_a_key_back(folder: Path, desk: Desk) -> None:
    newer = sign_key_list(2, [role_key(desk.container_key.public_key(), "container")], desk.root, NOW)
    for name in ("a-newer", "z-newer"):
        write_key_list(folder / f"{name}.keylist.json", newer)
        assert load_trust(folder=folder).keys("license", NOW) == {}
        (folder / f"{name}.keylist.json").unlink()


def test_a_key_counts_on_its_days_alone(folder: Path, desk: Desk) -> None:
    entry = role_key(desk.license_key.public_key(), "license", not_before=NOW, not_after=NOW + timedelta(days=1))
    write_key_list(folder / "acme.keylist.json", sign_key_list(2, [entry], desk.root, NOW))
    trust = load_trust(folder=folder)
    for day, counts in ((-1, False), (0, True), (1, True), (2, False)):
        assert bool(trust.keys("license", NOW + timedelta(days=day))) == counts


def test_the_keys_of_two_suppliers_stand_side_by_side(folder: Path, desk: Desk) -> None:
    root, other = new_key(), new_key()
    write_public_key(folder / "other.root-pub.pem", root.public_key())
    write_key_list(folder / "other.keylist.json", sign_key_list(1, [role_key(other.public_key(), "license")], root, NOW))
    assert len(load_trust(folder=folder).keys("license", NOW)) == 2


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"payloadType":"x","payload":"","signatures":[]}', bytes(300_000)])
def test_a_malformed_list_is_named_by_its_file(folder: Path, content: bytes) -> None:
    (folder / "bad.keylist.json").write_bytes(content)
    with pytest.raises(LnxError) as caught:
        load_trust(folder=folder)
    assert caught.value.status == 307 and "bad.keylist.json" in caught.value.where


def test_a_list_of_an_unknown_root_is_refused(folder: Path) -> None:
    write_key_list(folder / "foreign.keylist.json", sign_key_list(1, [], new_key(), NOW))
    with pytest.raises(LnxError) as caught:
        load_trust(folder=folder)
    assert caught.value.status == 307 and "foreign.keylist.json" in caught.value.where


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"issue": 0},
        {"issue": "1"},
        {"issued_at": "yesterday"},
        {"keys": {}},
        {"keys": [{}]},
        {"keys": [{"keyid": "0" * 16, "pub": "", "role": "license"}]},
    ],
)
def test_a_signed_list_with_wrong_fields_is_refused(folder: Path, desk: Desk, change: dict[str, Any]) -> None:
    whole = json.loads(sign_payload(desk, {}))
    write_key_list(folder / "acme.keylist.json", dsse.sign(KEY_LIST_TYPE, json.dumps({**whole, **change}).encode(), [desk.root]))
    with pytest.raises(LnxError) as caught:
        load_trust(folder=folder)
    assert caught.value.status == 307


def sign_payload(desk: Desk, more: dict[str, Any]) -> str:
    payload = dsse.decode_base64(desk.key_list["payload"])
    assert payload is not None
    return json.dumps({**json.loads(payload), **more})


def test_a_key_that_claims_anothers_id_or_an_unknown_role_is_refused(folder: Path, desk: Desk) -> None:
    good = json.loads(sign_payload(desk, {}))
    for change in ({"keyid": "0123456789abcdef"}, {"role": "root"}, {"pub": good["keys"][1]["pub"]}):
        keys = [{**good["keys"][0], **change}, good["keys"][1]]
        write_key_list(folder / "acme.keylist.json", dsse.sign(KEY_LIST_TYPE, json.dumps({**good, "keys": keys}).encode(), [desk.root]))
        with pytest.raises(LnxError) as caught:
            load_trust(folder=folder)
        assert caught.value.status == 307


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=2048))
def test_garbage_as_a_list_is_refused(folder: Path, data: bytes) -> None:
    (folder / "bad.keylist.json").write_bytes(data)
    with pytest.raises(LnxError) as caught:
        load_trust(folder=folder)
    assert caught.value.status == 307
