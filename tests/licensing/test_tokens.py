"""The core's way to tokens, over a real reader service: who is found, and what is said of each fault."""

from __future__ import annotations

import time
from types import ModuleType
from typing import Any

import pytest
from plant import wait_for
from token_holder import hold
from virtual_reader import CARD_AUTHENTICATION, VirtualReader, public_point
from virtual_token.card import PivCard

OK, WRONG_DONGLE, WRONG_ANSWER = 0, 310, 311
NO_SERVICE, NO_READER, NO_TOKEN, NOT_PIV, BUSY, REFUSED, HANGS = 320, 322, 323, 324, 325, 326, 327


@pytest.fixture
def tokens(testing: ModuleType, virtual_reader: VirtualReader) -> Any:
    return testing.Tokens(hang_ms=60_000)


def quiet(tokens: Any) -> bool:
    """Whether nothing is told for a second."""
    before = tokens.changes()
    time.sleep(1)
    return bool(tokens.changes() == before)


def test_the_token_is_found_by_its_key_whatever_else_is_plugged_in(tokens: Any, virtual_reader: VirtualReader) -> None:
    ours, other = virtual_reader.new_token(1), virtual_reader.new_token(2)
    virtual_reader.insert(other, slot=0)
    assert tokens.challenge([public_point(ours)])[0] == WRONG_DONGLE
    virtual_reader.insert(ours, slot=1)
    status, index, reader, found = tokens.challenge([bytes([4]) + bytes(64), public_point(ours)])
    assert (status, index, reader) == (OK, 1, "Virtual Reader 00 01"), found


def test_tokens_of_every_maker_answer(tokens: Any, virtual_reader: VirtualReader) -> None:
    card = virtual_reader.insert(virtual_reader.new_token(maker=False))
    assert tokens.challenge([public_point(card)])[0] == OK


def test_pulling_and_plugging_is_noticed(tokens: Any, virtual_reader: VirtualReader) -> None:
    card = virtual_reader.insert()
    key = [public_point(card)]
    assert tokens.challenge(key)[0] == OK
    before = tokens.changes()
    virtual_reader.remove()
    assert wait_for(lambda: tokens.changes() > before)
    assert tokens.challenge(key)[0] == NO_TOKEN
    before = tokens.changes()
    virtual_reader.insert(card)
    assert wait_for(lambda: tokens.changes() > before)
    assert tokens.challenge(key)[0] == OK


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("wrong-key", WRONG_DONGLE),
        ("replay", WRONG_DONGLE),
        ("off-curve", WRONG_DONGLE),
        ("garbage", WRONG_DONGLE),
        ("short", WRONG_ANSWER),
        ("sw:6F00", REFUSED),
        ("no-piv", NOT_PIV),
    ],
)
def test_a_token_with_a_fault_is_told_apart(tokens: Any, virtual_reader: VirtualReader, fault: str, status: int) -> None:
    card = virtual_reader.insert()
    key = [public_point(card)]
    assert tokens.challenge(key)[0] == OK
    card.faults.set(fault)
    if fault == "replay":
        tokens.challenge(key)
    found = tokens.challenge(key)
    assert found[0] == status, found
    card.faults.set(None)
    assert tokens.challenge(key)[0] == OK


def test_a_token_without_a_key_refuses(tokens: Any, virtual_reader: VirtualReader) -> None:
    card = virtual_reader.insert(virtual_reader.new_token(key=False))
    assert CARD_AUTHENTICATION not in card.state.keys
    assert tokens.challenge([bytes([4]) + bytes(64)])[0] == REFUSED


def test_an_exclusive_holder_is_named(tokens: Any, virtual_reader: VirtualReader) -> None:
    card = virtual_reader.insert()
    with hold(virtual_reader, "exclusive", 30) as program:
        assert tokens.challenge([public_point(card)])[0] == BUSY
        program.kill()
    assert wait_for(lambda: tokens.challenge([public_point(card)])[0] == OK)


def test_another_programs_transaction_is_waited_for(tokens: Any, virtual_reader: VirtualReader) -> None:
    card = virtual_reader.insert()
    with hold(virtual_reader, "transaction", 0.6):
        assert tokens.challenge([public_point(card)])[0] == OK


def test_a_token_that_hangs_costs_the_time_limit_and_recovers(testing: ModuleType, virtual_reader: VirtualReader) -> None:
    tokens = testing.Tokens(hang_ms=1500)
    card = virtual_reader.insert()
    key = [public_point(card)]
    card.faults.set("hang")
    assert tokens.challenge(key)[0] == HANGS, "it returns, although the token never answers"
    card.faults.set(None)
    virtual_reader.remove()
    virtual_reader.insert(card)
    assert wait_for(lambda: tokens.challenge(key)[0] == OK)


def test_a_service_that_dies_and_comes_back_is_found_again(tokens: Any, virtual_reader: VirtualReader) -> None:
    card = virtual_reader.insert()
    key = [public_point(card)]
    assert tokens.challenge(key)[0] == OK
    virtual_reader.service.kill()
    assert tokens.challenge(key)[0] == NO_SERVICE
    virtual_reader.service.start()
    assert wait_for(lambda: tokens.challenge(key)[0] == OK)


def test_programs_that_share_a_token_do_not_wake_each_other(tokens: Any, testing: ModuleType, virtual_reader: VirtualReader) -> None:
    card = virtual_reader.insert()
    key = [public_point(card)]
    other = testing.Tokens()
    assert other.challenge(key)[0] == OK and tokens.challenge(key)[0] == OK
    assert wait_for(lambda: other.changes() > 0)  # the readers that were there at the start
    assert wait_for(lambda: quiet(other))
    before = other.changes()
    for _ in range(10):
        assert tokens.challenge(key)[0] == OK
        time.sleep(0.1)
    assert other.changes() == before, "that a token is in use is no change"
    virtual_reader.remove()
    assert wait_for(lambda: other.changes() > before)


def test_the_licence_on_the_token_is_read(tokens: Any, virtual_reader: VirtualReader) -> None:
    card: PivCard = virtual_reader.new_token()
    card.state.objects[0x5FC120] = bytes(range(256)) * 11 + b"end"
    virtual_reader.insert(card)
    assert tokens.licenses() == [card.state.objects[0x5FC120]]
