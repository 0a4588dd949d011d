"""From a payload to a value and a time."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from lnx_collector.sample import Kind, Value

_PART = re.compile(r"(?:^|\.)([^.\[\]]+)|\[(\d+)\]")
UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


class PayloadError(ValueError):
    """A payload without the value that the configuration expects; the text says what was found."""


@lru_cache(maxsize=4096)
def parse_path(path: str) -> tuple[str | int, ...] | None:
    """ "data.values[0].v" as keys and indexes; None when it is no path."""
    parts: list[str | int] = []
    at = 0
    while at < len(path):
        match = _PART.match(path, at)
        if match is None:
            return None
        parts.append(match[1] if match[1] is not None else int(match[2]))
        at = match.end()
    return tuple(parts)


def at_path(document: Any, path: str) -> Any:
    """The value at a path. Raises PayloadError."""
    value = document
    for part in parse_path(path) or ():
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError) as error:
            raise PayloadError(f'nothing at "{path}"') from error
    return value


def parse_json(payload: bytes) -> Any:
    """Raises PayloadError for what is not JSON, for NaN, and for nesting beyond reason."""
    try:
        return json.loads(payload, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise PayloadError("no JSON") from error


def _refuse(name: str) -> None:
    raise ValueError(name)


def as_value(found: Any, kind: Kind = "text") -> Value:
    """A JSON value as the value of a sample of ``kind``; null is none, a number in quotes is one where a number is expected.

    Raises PayloadError for lists and objects, and for other texts in place of a number.
    """
    if isinstance(found, str) and kind in ("float", "int"):
        return as_number(found.encode("ascii", "replace"))
    if found is None or isinstance(found, bool | int | float | str):
        return found
    raise PayloadError(f"a {type(found).__name__} instead of a value")


def as_number(payload: bytes) -> float | int:
    """The payload as a number. Raises PayloadError."""
    text = payload.decode("ascii", "replace").strip()
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError as error:
        raise PayloadError(f'"{text[:40]}" instead of a number') from error
    if not math.isfinite(number):
        raise PayloadError(f'"{text}" instead of a number')
    return number


def as_time(found: Any, unit: str) -> int:
    """Nanoseconds since 1970. Raises PayloadError."""
    try:
        if unit == "iso":
            moment = datetime.fromisoformat(str(found))
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            passed = aware - datetime(1970, 1, 1, tzinfo=UTC)
            return ((passed.days * 86400 + passed.seconds) * 1_000_000 + passed.microseconds) * 1000
        whole = isinstance(found, int) and not isinstance(found, bool)
        time = found * UNITS[unit] if whole else round(float(found) * UNITS[unit])
    except (ValueError, TypeError, OverflowError) as error:
        raise PayloadError(f'"{str(found)[:40]}" instead of a time') from error
    if not 0 < time < 2**62:
        raise PayloadError(f"{found} instead of a time")
    return time
