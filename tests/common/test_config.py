"""The configuration reader: every mistake is told with its line, its reason and the nearest known name, in both languages."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lnx_common.config import Bytes, ConfigError, Document, Seconds, Settings, load, rule_broken
from lnx_common.errors import PlantError
from lnx_common.toml_lines import lines_of
from pydantic import Field, model_validator


class Point(Settings):
    name: str
    address: int = Field(ge=0, le=65535)
    kind: Literal["int16", "float32"] = "int16"


class Machine(Settings):
    host: str
    period: Seconds = 1.0
    limit: Bytes = 1000
    low: float = 0.0
    high: float = 1.0
    point: list[Point] = Field(default_factory=list)

    @model_validator(mode="after")
    def _ordered(self) -> Machine:
        if self.low > self.high:
            raise rule_broken("low to be at most high", "low는 high 이하여야 합니다")
        return self


def refused(text: str) -> ConfigError:
    document = Document.parse(text.encode(), Path("plant.toml"))
    document.settings(Machine)
    with pytest.raises(ConfigError) as caught:
        document.finish()
    return caught.value


# (text, line, found, part of expected, part of Korean, hint)
CASES = [
    ('host = "a"\nperoid = "1s"\n', 2, '"peroid"', "one of the settings", "다음 설정 중 하나", "period"),
    ('period = "1s"\n', 1, "nothing", 'the setting "host"', '"host" 설정', ""),
    ("host = 3\n", 1, "3", "text in quotes", "따옴표로 묶은 문자열", ""),
    ('host = "a"\nperiod = "1 sec"\n', 2, '"1 sec"', "500ms", "시간", ""),
    ('host = "a"\nlimit = "5 zb"\n', 2, '"5 zb"', "20GB", "크기", ""),
    ('host = "a"\n[[point]]\nname="t"\naddress = 70000\n', 4, "70000", "at most 65535", "65535 이하", ""),
    ('host = "a"\n[[point]]\nname="t"\naddress = 1\n[[point]]\nname="u"\n', 5, "nothing", 'the setting "address"', '"address" 설정', ""),
    ('host = "a"\n[[point]]\nname="t"\naddress = 1\nkind = "float23"\n', 5, '"float23"', "'float32'", "다음 중 하나", "float32"),
    ('host = "a"\n[[point]]\nname="t"\naddress = 1\nadress = 2\n', 5, '"adress"', "name, address, kind", "name, address, kind", ""),
    ('host = "a"\npoint = [\n  {name="t", address=1},\n  {name="u", address="x"},\n]\n', 4, '"x"', "a whole number", "정수", ""),
    ('# 주석\nhost = """a\nb"""\nlow = true\npoint = 3\n', 5, "3", "a list", "목록", ""),
    ('host = "a"\nlow = 2.0\n', 1, "", "low to be at most high", "low는 high 이하", ""),
]


@pytest.mark.parametrize(("text", "line", "found", "expected", "korean", "hint"), CASES, ids=lambda value: None)
def test_every_mistake_is_told_with_line_reason_and_nearest_name(
    text: str, line: int, found: str, expected: str, korean: str, hint: str
) -> None:
    error = refused(text)
    problem = error.problems[0]
    assert problem.where.split(" ")[0] == f"plant.toml:{line}"
    assert found in problem.found
    assert expected in problem.expected
    assert korean in problem.expected_ko
    assert problem.hint == hint
    assert error.status == 602
    assert korean in error.text("ko") and expected in error.text("en")


def test_all_problems_of_a_file_are_told_at_once_in_the_order_of_the_file() -> None:
    error = refused('period = "soon"\nhostt = "a"\nhigh = "x"\n')
    assert [problem.where.split(" ")[0] for problem in error.problems] == ["plant.toml:1"] * 2 + ["plant.toml:2", "plant.toml:3"]


SYNTAX = [
    ('host = "a\n', 1),
    ('host = "a"\nhost = "b"\n', 2),
    ('host = "a"\n\nperiod 3\n', 3),
    ("[point\n", 1),
    ('host = "a"\npath = "C:\\data"\n', 2),
]


@pytest.mark.parametrize(("text", "line"), SYNTAX)
def test_text_that_is_not_toml_is_refused_at_its_line(text: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        Document.parse(text.encode(), Path("plant.toml"))
    assert caught.value.status == 601
    assert caught.value.problems[0].where == f"plant.toml:{line}"


def test_a_windows_path_in_double_quotes_gets_the_line_that_works() -> None:
    with pytest.raises(ConfigError) as caught:
        Document.parse(b'path = "C:\\data\\users"\n', Path("plant.toml"))
    hint = caught.value.problems[0].hint
    assert tomllib.loads(hint)["path"] == "C:\\data\\users"


def test_a_file_saved_as_cp949_is_refused_with_the_reason() -> None:
    with pytest.raises(ConfigError) as caught:
        Document.parse('host = "a"\n# 온도\n'.encode("cp949"), Path("plant.toml"))
    assert caught.value.problems[0].where == "plant.toml:2"
    assert "UTF-8" in caught.value.problems[0].expected


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "설정.toml"
    path.write_bytes(b"\xef\xbb\xbf" + b'host = "a"\r\nperiod = "500ms"\r\nlimit = "2GB"\r\n')
    machine = load(path, Machine)
    assert (machine.host, machine.period, machine.limit) == ("a", 0.5, 2_000_000_000)


def test_a_missing_file_is_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(PlantError) as caught:
        load(tmp_path / "none.toml", Machine)
    assert caught.value.status == 603


KEYS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True), st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=5)
)
SCALARS = st.one_of(
    st.integers(-(2**62), 2**62),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12),
)
VALUES = st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)), max_leaves=8)


def _quoted(text: str) -> str:
    escaped = "".join(f"\\u{ord(c):04X}" if ord(c) < 32 or ord(c) == 127 else "\\" + c if c in '"\\' else c for c in text)
    return f'"{escaped}"'


def _write(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        if '"""' not in value and not value.endswith('"') and "\\" not in value and value.isprintable():
            return f'"""\n{value}"""'
        return _quoted(value)
    if isinstance(value, list):
        return "[\n" + ", # c\n".join(_write(item) for item in value) + "\n]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(key)} = {_write(item)}" for key, item in value.items()) + "}"
    return repr(value)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(KEYS, st.dictionaries(KEYS, VALUES, max_size=4), st.booleans()), max_size=4))
def test_every_value_of_every_valid_file_has_a_line_that_holds_it(tables: list[tuple[str, dict[str, Any], bool]]) -> None:
    rows: list[str] = []
    seen: dict[str, bool] = {}
    for name, body, many in tables:
        if name in seen and not (many and seen[name]):
            continue
        seen[name] = many
        rows.append(f"[[{_quoted(name)}]] # 표" if many else f"[{_quoted(name)}]")
        rows += [f"  {_quoted(key)} = {_write(value)}" for key, value in body.items()]
    text = "\n".join(rows) + "\n"
    data = tomllib.loads(text)
    lines = lines_of(text)
    source = text.split("\n")

    def check(value: Any, place: tuple[str | int, ...]) -> None:
        assert place in lines
        if place and isinstance(place[-1], str):
            assert _quoted(place[-1]) in source[lines[place] - 1]
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
            check(inner, (*place, key))

    check(data, ())


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_and_never_crashes(text: str) -> None:
    try:
        Document.parse(text.encode(), Path("x.toml")).settings(Machine)
    except ConfigError as error:
        assert error.status == 601
