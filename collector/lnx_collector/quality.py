"""Quality of a sample: the 32-bit OPC UA StatusCode, whatever protocol the value came by.

The two top bits are the severity (OPC UA part 4, 7.39): 00 Good, 01 Uncertain, 10 Bad. Codes of other protocols are translated where
they enter, and never translated back. The low 16 bits are info bits; bit 7 (0x80) with bit 10 (0x400) set says that a server's queue
overflowed, so that values before this one are missing.
"""

from __future__ import annotations

from typing import Final

GOOD: Final = 0x00000000
GOOD_CLAMPED: Final = 0x00300000
UNCERTAIN: Final = 0x40000000
UNCERTAIN_LAST_USABLE: Final = 0x40900000
UNCERTAIN_SENSOR_NOT_ACCURATE: Final = 0x40930000
UNCERTAIN_ENGINEERING_UNITS_EXCEEDED: Final = 0x40940000
UNCERTAIN_SUBSTITUTE: Final = 0x40910000
BAD: Final = 0x80000000
BAD_COMMUNICATION: Final = 0x80050000
BAD_TIMEOUT: Final = 0x800A0000
BAD_NODE_ID_UNKNOWN: Final = 0x80340000
BAD_OUT_OF_RANGE: Final = 0x803C0000
BAD_NOT_SUPPORTED: Final = 0x803D0000
BAD_TYPE_MISMATCH: Final = 0x80740000
BAD_NOT_CONNECTED: Final = 0x808A0000
BAD_DEVICE_FAILURE: Final = 0x808B0000
BAD_SENSOR_FAILURE: Final = 0x808C0000
BAD_NO_COMMUNICATION: Final = 0x80310000
BAD_WAITING_FOR_INITIAL_DATA: Final = 0x80320000
BAD_DECODING: Final = 0x80070000

OVERFLOW: Final = 0x480
"""Info bits "data value" and "overflow": or them onto a code when values before this sample were lost by the device."""

_NAMES: dict[int, str] = {value: name for name, value in list(globals().items()) if name.isupper() and isinstance(value, int)}


def is_good(quality: int) -> bool:
    return quality & 0xC0000000 == 0


def is_bad(quality: int) -> bool:
    return quality & 0x80000000 != 0


def name(quality: int) -> str:
    """``"GOOD"``, ``"BAD_TIMEOUT"``, or the severity and the number of a code without a name here."""
    base = quality & 0xFFFF0000
    severity = "BAD" if is_bad(quality) else "UNCERTAIN" if not is_good(quality) else "GOOD"
    known = _NAMES.get(base, f"{severity} 0x{base:08X}")
    return f"{known} +OVERFLOW" if quality & OVERFLOW == OVERFLOW else known
