"""What a licence allows now: its days, its models, its maintenance. The plain twin of the core's policy; nothing here asks a token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from lnx.container.moment import format_moment
from lnx.errors import LnxError

from lnx_licensing import status
from lnx_licensing.licence import Licence

Phase = Literal["valid", "not-yet", "grace", "expired"]


@dataclass(frozen=True)
class Standing:
    """``days_left`` until ``not_after`` (None: no limit; negative: past). ``warn``: people should be told that it ends soon, or has."""

    phase: Phase
    days_left: int | None
    warn: bool


def standing(licence: Licence, now: datetime) -> Standing:
    """Where a licence stands in its days."""
    terms = licence.terms
    if terms.not_before is not None and now < terms.not_before:
        return Standing("not-yet", None, warn=True)
    if terms.not_after is None:
        return Standing("valid", None, warn=False)
    left = (terms.not_after - now) // timedelta(days=1)
    if now <= terms.not_after:
        return Standing("valid", left, warn=terms.not_after - now <= timedelta(days=terms.warn_days))
    over = now - terms.not_after
    return Standing("grace" if over <= timedelta(hours=terms.grace.expired_h) else "expired", left, warn=True)


def require_days(licence: Licence, now: datetime) -> Standing:
    """Raises LNX-308 before the first day and LNX-309 when the last day and its grace are over."""
    found = standing(licence, now)
    terms = licence.terms
    if found.phase == "not-yet" and terms.not_before is not None:
        day = format_moment(terms.not_before)
        raise LnxError(status.NOT_YET_VALID, found=f"today is {format_moment(now)}", expected=f"{day} or later", where=licence.where)
    if found.phase == "expired" and terms.not_after is not None:
        day = format_moment(terms.not_after)
        raise LnxError(status.EXPIRED, found=f"today is {format_moment(now)}", expected=f"{day} or earlier", where=licence.where)
    return found


def require_model(licence: Licence, model_id: str, epoch: int, released: date | None, now: datetime) -> None:
    """Raises LNX-312 when the licence does not cover the model, LNX-313 when it is too old, LNX-314 when it came after the maintenance."""
    terms = licence.terms
    if terms.models:
        own = next((model for model in terms.models if model.model_id == model_id), None)
        listed = ", ".join(model.model_id for model in terms.models)
        if own is None:
            raise LnxError(status.MODEL_NOT_LICENSED, found=f'model "{model_id}"', expected=f"one of {listed}", where=licence.where)
        if own.not_after is not None and now > own.not_after:
            found = f'model "{model_id}", licensed until {format_moment(own.not_after)}'
            raise LnxError(status.MODEL_NOT_LICENSED, found=found, expected="a licence that still covers it", where=licence.where)
        if epoch < own.min_epoch:
            found = f'epoch {epoch} of model "{model_id}"'
            raise LnxError(status.MODEL_ROLLED_BACK, found=found, expected=f"{own.min_epoch} or later", where=licence.where)
    if terms.maintenance_until is not None and released is not None and released > terms.maintenance_until:
        found = f'model "{model_id}" of {released.isoformat()}'
        expected = f"released up to {terms.maintenance_until.isoformat()}"
        raise LnxError(status.MAINTENANCE_EXPIRED, found=found, expected=expected, where=licence.where)
