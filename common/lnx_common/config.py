"""Reads a TOML file into typed settings, and says what is wrong with it so that a plant engineer can mend it alone.

Every problem names file and line, what was found, what was expected, and the nearest known name; all problems of a file are
told at once, in English or Korean.

    document = Document.read(path)
    main = document.settings(CollectorSettings)            # None when something in it is wrong
    press = document.settings(ModbusSettings, ("source", 0))
    document.finish()                                       # raises ConfigError with every problem that was found

Invariants: nothing is guessed: an unknown setting is an error, never ignored; a file is either accepted whole or refused.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from lnx_common.errors import PlantError
from lnx_common.text import language
from lnx_common.toml_lines import Path as Place
from lnx_common.toml_lines import lines_of

__all__ = ["Bytes", "ConfigError", "Document", "Problem", "Seconds", "Settings", "load", "nearest", "rule_broken"]

MAX_BYTES = 16 * 2**20
CONFIG_SYNTAX, CONFIG_VALUE = 601, 602


class Settings(BaseModel):
    """Base of every table of settings: unknown names are refused, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. ``expected`` and ``expected_ko`` say the same."""

    where: str
    """``collector.toml:12 source.0.period``"""
    found: str
    expected: str
    expected_ko: str
    hint: str = ""
    """The nearest known name, or empty."""


class ConfigError(PlantError):
    """A file that cannot be used. ``problems`` has at least one entry, in the order of the file."""

    def __init__(self, status: int, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(status, found=first.found, expected=first.expected, where=first.where)

    def text(self, chosen: str | None = None) -> str:
        """The whole message: one block per problem, then what to do."""
        korean = (chosen or language()) == "ko"
        where, found, expected, hint, do, see = (
            ("위치", "발견", "필요", "혹시", "조치", "참조") if korean else ("where", "found", "expected", "perhaps", "do", "see")
        )
        lines = [f"LNX-{self.status}  {self.title_ko if korean else self.title}"]
        for problem in getattr(self, "problems", ()):
            facts = (
                (where, problem.where),
                (found, problem.found),
                (expected, problem.expected_ko if korean else problem.expected),
                (hint, problem.hint and f'"{problem.hint}"'),
            )
            lines += [f"  {word:<9} {fact}" for word, fact in facts if fact]
        lines += [f"  {do:<9} {self.fix_ko if korean else self.fix}", f"  {see:<9} {self.page}"]
        return "\n".join(lines)


def rule_broken(english: str, korean: str) -> PydanticCustomError:
    """What a validator raises when a rule between settings is broken; both texts say what is expected."""
    return PydanticCustomError("rule", "{english}", {"english": english, "korean": korean})


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that ``name`` was probably meant to be, or empty."""
    found = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return found[0] if found else ""


@dataclass
class Document:
    """A parsed file, with the problems found in it so far."""

    path: Path
    data: dict[str, Any]
    lines: dict[Place, int]
    problems: list[tuple[int, Problem]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Document:
        """Reads UTF-8 (with or without BOM). Raises ConfigError 601 when the file is not TOML, PlantError 603 when it is not there."""
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise PlantError(603, where=str(path), found=error.strerror or str(error), expected="a readable file") from error
        return cls.parse(raw, path)

    @classmethod
    def parse(cls, raw: bytes, path: Path) -> Document:
        """The same from bytes; ``path`` is what messages name."""
        if len(raw) > MAX_BYTES:
            raise _syntax(path, 1, f"{len(raw)} bytes or more", f"at most {MAX_BYTES} bytes", f"{MAX_BYTES}바이트 이하")
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            found = f"byte 0x{raw[error.start]:02x}"
            raise _syntax(path, line, found, "text saved as UTF-8", "UTF-8로 저장한 텍스트(메모장: 인코딩 UTF-8)") from error
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise _toml_error(path, text, str(error)) from error
        except RecursionError as error:
            raise _syntax(path, 1, "lists or tables nested too deep", "a plain file", "단순한 구조의 파일") from error
        return cls(path, data, lines_of(text))

    def at(self, place: Place) -> str:
        """``file:line`` of a setting, or of the nearest table around it."""
        return f"{self.path.name}:{self._line(place)}"

    def _line(self, place: Place) -> int:
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def value(self, place: Place) -> Any:
        """The raw value at ``place``; KeyError or IndexError when there is none."""
        value: Any = self.data
        for part in place:
            value = value[part]
        return value

    def settings(self, model: type[S], place: Place = (), *, without: Iterable[str] = ()) -> S | None:
        """The table at ``place`` as ``model``, leaving out the keys ``without``; None when it has problems, which are kept for finish."""
        raw = self.value(place)
        if not isinstance(raw, dict):
            self.refuse(place, found=_short(raw), expected="a table", expected_ko="표(table)")
            return None
        left_out = set(without)
        try:
            return model.model_validate({key: value for key, value in raw.items() if key not in left_out})
        except ValidationError as error:
            details = error.errors(include_url=False)
            for detail in details:
                if not _follows_from_another(detail, details):
                    self._keep(model, raw, place, detail)
            return None

    def refuse(self, place: Place, *, found: str, expected: str, expected_ko: str, hint: str = "") -> None:
        """Keeps a problem that the caller found."""
        name = ".".join(str(part) for part in place)
        where = f"{self.at(place)} {name}".rstrip()
        self.problems.append((self._line(place), Problem(where, found, expected, expected_ko, hint)))

    def finish(self) -> None:
        """Raises ConfigError 602 with every problem, in the order of the file, if there is one."""
        if self.problems:
            ordered = sorted(self.problems, key=lambda entry: entry[0])
            raise ConfigError(CONFIG_VALUE, [problem for _, problem in ordered])

    def _keep(self, model: type[BaseModel], raw: Any, place: Place, detail: ErrorDetails) -> None:
        inside, parent = _locate(raw, detail["loc"], missing=detail["type"] == "missing")
        expected, korean, hint = _explain(model, detail, parent)
        found = "nothing" if detail["type"] == "missing" else _short(detail["input"])
        if detail["type"] == "missing" and language() == "ko":
            found = "없음"
        if detail["type"] == "extra_forbidden":
            found = f'"{inside[-1]}"'
        self.refuse((*place, *inside), found=found, expected=expected, expected_ko=korean, hint=hint)


def _follows_from_another(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """A list is "too short" for pydantic when its entries are wrong; then only what is wrong with them is told."""
    place = detail["loc"]
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in details
    )


def load(path: Path, model: type[S]) -> S:
    """Reads a file that one model describes. Raises ConfigError or PlantError."""
    document = Document.read(path)
    settings = document.settings(model)
    document.finish()
    if settings is None:
        raise AssertionError("refused without a problem")
    return settings


# ── durations and sizes ──────────────────────────────────────────────────────────────────────────────────────────────────────

_DURATIONS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\s*")


def _duration(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] not in _DURATIONS:
        raise rule_broken('a time such as "500ms", "1s", "10m", "2h" or "7d"', '"500ms", "1s", "10m", "2h", "7d"와 같은 시간')
    return float(match[1]) * _DURATIONS[match[2]]


def _size(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] not in _SIZES:
        raise rule_broken('a size such as "500MB" or "20GB"', '"500MB", "20GB"와 같은 크기')
    return int(float(match[1]) * _SIZES[match[2]])


Seconds = Annotated[float, BeforeValidator(_duration)]
"""A time in seconds; the file says "500ms", "1s", "10m", "2h", "7d", or a plain number of seconds."""

Bytes = Annotated[int, BeforeValidator(_size)]
"""A size in bytes; the file says "500MB", "20GB", or a plain number of bytes."""


# ── from pydantic's errors to ours ───────────────────────────────────────────────────────────────────────────────────────────

_KINDS: dict[str, tuple[str, str]] = {
    "int": ("a whole number", "정수"),
    "float": ("a number", "숫자"),
    "bool": ("true or false", "true 또는 false"),
    "string": ("text in quotes", "따옴표로 묶은 문자열"),
    "list": ("a list in [ ]", "[ ] 목록"),
    "tuple": ("a list in [ ]", "[ ] 목록"),
    "dict": ("a table", "표(table)"),
    "model": ("a table", "표(table)"),
    "path": ("a path in quotes", "따옴표로 묶은 경로"),
}
_LIMITS: dict[str, tuple[str, str, str]] = {
    "greater_than": ("gt", "more than {}", "{}보다 큰 값"),
    "greater_than_equal": ("ge", "at least {}", "{} 이상"),
    "less_than": ("lt", "less than {}", "{}보다 작은 값"),
    "less_than_equal": ("le", "at most {}", "{} 이하"),
    "too_short": ("min_length", "at least {} entries", "{}개 이상"),
    "too_long": ("max_length", "at most {} entries", "{}개 이하"),
    "string_too_short": ("min_length", "at least {} characters", "{}자 이상"),
    "string_too_long": ("max_length", "at most {} characters", "{}자 이하"),
    "string_pattern_mismatch": ("pattern", "text of the form {}", "{} 형식의 문자열"),
}


def _explain(model: type[BaseModel], detail: ErrorDetails, parent: Any) -> tuple[str, str, str]:
    """What was expected in English and Korean, and the nearest known name."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return f'the setting "{detail["loc"][-1]}"', f'"{detail["loc"][-1]}" 설정', ""
    if kind == "extra_forbidden":
        known = _names_at(model, detail["loc"][:-1])
        already = set(parent) if isinstance(parent, dict) else set()
        hint = nearest(str(detail["loc"][-1]), [name for name in known if name not in already])
        names = ", ".join(known)
        return f"one of the settings {names}", f"다음 설정 중 하나: {names}", hint
    if kind in ("literal_error", "enum"):
        names = str(context.get("expected", ""))
        return f"one of {names}", f"다음 중 하나: {names}", nearest(str(detail["input"]), re.findall(r"'([^']*)'", names))
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        names = str(context.get("expected_tags", ""))
        return (
            f"{context.get('discriminator', 'type')} = one of {names}",
            f"{context.get('discriminator', 'type')} = 다음 중 하나: {names}",
            "",
        )
    if kind in _LIMITS:
        name, english, korean = _LIMITS[kind]
        return english.format(context.get(name)), korean.format(context.get(name)), ""
    if kind == "rule":
        return str(context["english"]), str(context["korean"]), ""
    for prefix, (english, korean) in _KINDS.items():
        if kind.startswith(prefix):
            return english, korean, ""
    return detail["msg"], detail["msg"], ""


def _locate(raw: Any, loc: Sequence[str | int], *, missing: bool) -> tuple[tuple[str | int, ...], Any]:
    """The path inside the raw table (without pydantic's union tags), and the value around its last part."""
    path: list[str | int] = []
    value, parent = raw, raw
    for i, part in enumerate(loc):
        known = (isinstance(value, dict) and part in value) or (isinstance(value, list) and isinstance(part, int) and part < len(value))
        if known:
            path.append(part)
            parent, value = value, value[part]
        elif missing and i == len(loc) - 1:
            path.append(part)
            parent = value
    return tuple(path), parent


def _names_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The settings that the table at ``loc`` knows."""
    candidates: list[Any] = [model]
    for part in loc:
        following: list[Any] = []
        for candidate in candidates:
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                for name, info in candidate.model_fields.items():
                    if part in (name, info.alias):
                        following += _members(info.annotation)
            if isinstance(candidate, type) and not following:
                following.append(candidate)  # a list index or the tag of a union
        candidates = following or candidates
    names: dict[str, None] = {}
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            names |= {info.alias or name: None for name, info in candidate.model_fields.items()}
    return list(names)


def _members(annotation: Any) -> list[Any]:
    """The plain types inside an annotation: of lists, unions, mappings and Annotated."""
    origin = typing.get_origin(annotation)
    if origin is None:
        return [annotation]
    arguments = typing.get_args(annotation)
    if origin is Annotated:
        return _members(arguments[0])
    if origin in (Union, types.UnionType) or (isinstance(origin, type) and issubclass(origin, Sequence | Mapping)):
        return [member for argument in arguments for member in _members(argument)]
    return []


def _short(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _syntax(path: Path, line: int, found: str, expected: str, korean: str, hint: str = "") -> ConfigError:
    return ConfigError(CONFIG_SYNTAX, [Problem(f"{path.name}:{line}", found, expected, korean, hint)])


def _toml_error(path: Path, text: str, message: str) -> ConfigError:
    match = re.search(r"\(at line (\d+), column (\d+)\)", message)
    rows = text.replace("\r\n", "\n").split("\n")
    line = int(match[1]) if match else len(rows)
    row = rows[line - 1].strip() if line <= len(rows) else ""
    reason = message.split(" (at ")[0]
    hint = ""
    if "\\" in row and '"' in row:
        hint = re.sub(r'"([^"]*)"', r"'\1'", row)  # a Windows path: single quotes take backslashes as they are
    return _syntax(path, line, f"{_short(row)}  ({reason})", "valid TOML: name = value", "올바른 TOML: 이름 = 값", hint)
