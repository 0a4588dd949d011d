"""type = "unit": values of one unit in another, as declared: "°F" to "°C", "psi" to "kPa", "rpm" to "Hz".

The factor comes from pint once, when the file is read; per sample it is one multiplication. Two of its readings are not a factory's and are
not taken: "Hz", "1/s" and "1/min" count revolutions beside "rpm" and "rad/s" (pint counts radians), and "ton" is refused, which is 907 kg
there and 1000 kg here ("t"). Units without a straight line between them (dBm and W) are refused.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from typing import Any, Literal

from lnx_common.config import nearest, rule_broken
from pydantic import Field, model_validator

from lnx_collector.contract import StepKind, StepSettings
from lnx_collector.sample import Sample, Tag, checked

MIXED_UP = {"ton": "t", "tons": "t"}
TURN = 2 * math.pi
TURNS, RADIANS = {"second": -1}, {"radian": 1, "second": -1}
FAR = 100.0
COMMON = (
    *(
        "bar",
        "mbar",
        "Pa",
        "hPa",
        "kPa",
        "MPa",
        "psi",
        "mmHg",
        "inHg",
        "degC",
        "degF",
        "K",
        "mm",
        "um",
        "inch",
        "kg",
        "kgf",
        "t",
        "lb",
        "N",
        "kN",
    ),
    *("rpm", "Hz", "kHz", "rad/s", "mV", "V", "mA", "A", "W", "kW", "kWh", "MJ", "mm/s", "m/s", "g_0", "L/min", "m³/h", "percent"),
)


class UnitSettings(StepSettings):
    """type = "unit"."""

    type: Literal["unit"]
    unit: str = Field(min_length=1, max_length=40)
    """Unit in which the values come: "psi", "°F", "kgf/cm²", "m³/h"."""
    to: str = Field(min_length=1, max_length=40)
    """Unit in which they are kept; it becomes the unit of the tags."""

    @model_validator(mode="after")
    def _converts(self) -> UnitSettings:
        line_between(self.unit, self.to)
        return self


def line_between(unit: str, to: str) -> tuple[float, float]:
    """(slope, offset) from one unit to another. Raises the error of a broken rule, which says what is wrong with which of them."""
    import pint

    registry: Any = pint.UnitRegistry()
    quantities = [_quantity(registry, written) for written in (unit, to)]
    try:
        low, middle, high = (float(_in(registry, value, unit).to(quantities[1].units).magnitude) for value in (0.0, FAR, 10 * FAR))
    except pint.errors.DimensionalityError as error:
        raise rule_broken(
            f'two units of the same quantity ("{unit}" and "{to}" are not)', f'같은 물리량의 두 단위("{unit}", "{to}")'
        ) from error
    except (pint.errors.PintError, ValueError, OverflowError, ZeroDivisionError) as error:
        raise rule_broken(f'units that are converted by a line ("{unit}" to "{to}": {error})', "직선으로 변환되는 단위") from error
    slope = (middle - low) / FAR
    if not math.isclose(high - low, 10 * (middle - low), rel_tol=1e-9) or slope == 0:
        raise rule_broken(
            f'units that are converted by a line ("{unit}" to "{to}" is a curve; use a table)', "직선으로 변환되는 단위(곡선은 table 사용)"
        )
    return slope * _turns(*quantities), low


def _plain(written: str) -> str:
    """Units as they are typed on Korean keyboards (℃, ㎜, ㎏) in plain letters; exponents stay."""
    return "".join(letter if letter in "²³" else unicodedata.normalize("NFKC", letter) for letter in written.strip())


def _in(registry: Any, value: float, unit: str) -> Any:
    return registry.Quantity(value, _plain(unit))


def _quantity(registry: Any, written: str) -> Any:
    plain = _plain(written)
    if plain in MIXED_UP:
        raise rule_broken(f'"{MIXED_UP[plain]}" (1000 kg) instead of "{plain}"', f'"{plain}" 대신 "{MIXED_UP[plain]}"(1000 kg)')
    try:
        return registry.Quantity(1.0, plain)
    except Exception as error:  # pint raises whatever its parser meets
        hint = nearest(plain, COMMON)
        suggestion = f', maybe "{hint}"' if hint else ""
        raise rule_broken(
            f'a unit such as "kPa", "°C", "m³/h" ("{written}" is none{suggestion})', f'"kPa", "°C", "m³/h" 같은 단위("{written}" 아님)'
        ) from error


def _turns(quantity: Any, other: Any) -> float:
    """Factor for a rate that counts turns (Hz, 1/min) on one side and radians (rpm, rad/s) on the other; else 1."""
    here, there = ({str(name): power for name, power in one.to_base_units().unit_items()} for one in (quantity, other))
    if here == TURNS and there == RADIANS:
        return TURN
    return 1 / TURN if here == RADIANS and there == TURNS else 1.0


class UnitStep:
    """Stateless."""

    def __init__(self, settings: UnitSettings) -> None:
        self._slope, self._offset = line_between(settings.unit, settings.to)
        self._to = settings.to

    def describe(self, tag: Tag) -> Tag:
        """The tag in its new unit."""
        return tag._replace(unit=self._to, kind="float" if tag.kind == "int" else tag.kind)

    def apply(self, sample: Sample) -> Sequence[Sample]:
        value = sample.value
        if not isinstance(value, int | float) or isinstance(value, bool):
            return (sample,)
        return (checked(sample._replace(value=value * self._slope + self._offset)),)

    def tick(self, now: int) -> Sequence[Sample]:
        return ()

    def finish(self, now: int) -> Sequence[Sample]:
        return ()


SAMPLE = """\
[[step]]
type = "unit"             # units as declared; the new one is kept with the tag   단위 변환
tags = ["oven.pressure"]
unit = "psi"
to = "kPa"
"""
KIND = StepKind(UnitSettings, UnitStep, SAMPLE)
