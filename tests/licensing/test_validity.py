"""What a licence allows on a day, for a model: the plain twin of the core's policy."""

from __future__ import annotations

import base64
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from lnx import LnxError
from lnx.container.keys import point_of
from lnx_licensing.licence import Licence
from lnx_licensing.terms import Terms
from lnx_licensing.validity import require_days, require_model, standing
from supplier_desk import NOW, new_key

END = NOW + timedelta(days=100)


@pytest.fixture(scope="module")
def base() -> dict[str, Any]:
    pub = base64.b64encode(point_of(new_key().public_key())).decode()
    return {"license_id": "lic", "issued_at": NOW, "dongles": [{"type": "piv-p256-9e", "pub": pub}]}


def licence(base: dict[str, Any], **fields: Any) -> Licence:
    return Licence(Terms.model_validate({**base, **fields}), "0" * 16, "", "test.lic")


@pytest.mark.parametrize(
    ("now", "phase", "days", "warn"),
    [
        (NOW - timedelta(days=1), "not-yet", None, True),
        (NOW, "valid", 100, False),
        (END - timedelta(days=30, seconds=1), "valid", 30, False),
        (END - timedelta(days=30), "valid", 30, True),
        (END, "valid", 0, True),
        (END + timedelta(seconds=1), "grace", -1, True),
        (END + timedelta(hours=72), "grace", -3, True),
        (END + timedelta(hours=72, seconds=1), "expired", -4, True),
    ],
)
def test_the_days_of_a_licence(base: dict[str, Any], now: datetime, phase: str, days: int | None, warn: bool) -> None:
    found = standing(licence(base, not_before=NOW, not_after=END), now)
    assert (found.phase, found.days_left, found.warn) == (phase, days, warn)


def test_without_an_end_it_never_ends(base: dict[str, Any]) -> None:
    assert require_days(licence(base), NOW + timedelta(days=36500)).phase == "valid"


def test_before_and_after_its_days_it_is_refused_with_a_status_each(base: dict[str, Any]) -> None:
    own = licence(base, not_before=NOW, not_after=END)
    for now, status in ((NOW - timedelta(seconds=1), 308), (END + timedelta(hours=73), 309)):
        with pytest.raises(LnxError) as caught:
            require_days(own, now)
        assert caught.value.status == status
    assert require_days(own, END + timedelta(hours=71)).phase == "grace"


@pytest.mark.parametrize(
    ("fields", "epoch", "released", "status"),
    [
        ({}, 0, None, None),
        ({"models": [{"model_id": "weld"}]}, 0, None, None),
        ({"models": [{"model_id": "other"}]}, 9, None, 312),
        ({"models": [{"model_id": "weld", "min_epoch": 7}]}, 7, None, None),
        ({"models": [{"model_id": "weld", "min_epoch": 7}]}, 6, None, 313),
        ({"models": [{"model_id": "weld", "not_after": NOW - timedelta(seconds=1)}]}, 0, None, 312),
        ({"maintenance_until": date(2027, 12, 31)}, 0, date(2027, 12, 31), None),
        ({"maintenance_until": date(2027, 12, 31)}, 0, date(2028, 1, 1), 314),
        ({"maintenance_until": date(2027, 12, 31)}, 0, None, None),
    ],
)
def test_which_models_it_covers(
    base: dict[str, Any], fields: dict[str, Any], epoch: int, released: date | None, status: int | None
) -> None:
    own = licence(base, **fields)
    if status is None:
        require_model(own, "weld", epoch, released, NOW)
        return
    with pytest.raises(LnxError) as caught:
        require_model(own, "weld", epoch, released, NOW)
    assert caught.value.status == status
