"""Times in signed documents: RFC 3339 in UTC to the second, in exactly one form: ``2026-11-21T07:30:00Z``."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def parse_moment(text: object) -> datetime:
    """The time that a text states; ValueError when it is not of the one form or no time of the calendar."""
    if isinstance(text, datetime):
        return text.astimezone(UTC).replace(microsecond=0)
    if not isinstance(text, str) or not FORM.fullmatch(text):
        raise ValueError("a time like 2026-11-21T07:30:00Z is needed")
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def format_moment(moment: datetime) -> str:
    """The one form of a time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Moment = Annotated[datetime, BeforeValidator(parse_moment), PlainSerializer(format_moment, return_type=str, when_used="json")]
