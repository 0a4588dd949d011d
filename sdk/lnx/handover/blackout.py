"""Blacks out passwords and tokens in configurations: TOML, YAML, JSON and lines of NAME=VALUE.

A value is secret when its name, or the name of a table around it, ends in one of NAMES (``password``, ``api-key``, ``clientSecret``), when
it is the ``value`` beside a ``name`` that does, or when it stands inside a text: ``scheme://user:SECRET@host``, ``Password=SECRET;``. Names
of files that hold secrets stay.

Invariants: the result is read again and searched; what is still secret then ends with LNX-251. Everything else, comments included, stays as
it was; JSON alone is laid out anew.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any

from lnx.container import dsse
from lnx.errors import LnxError

BLACK = "********"
NAMES = (
    *("password", "passwd", "passphrase", "pwd", "secret", "secrets", "token", "credential", "credentials", "authorization"),
    *("apikey", "privatekey", "accesskey", "secretkey", "sharedkey", "accountkey"),
)
_WORDS = "passw(?:or)?d|passphrase|pwd|secrets?|token|credentials?|authorization|(?:api|private|access|secret|shared|account)[_-]?key"
_URL = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^\s:/@\"']*:)[^\s@\"'/]+(?=@)", re.IGNORECASE)
_PAIR = re.compile(rf"(?P<before>\b[\w.-]*(?:{_WORDS})=)(?!\s)[^\s;,&\"'<>]+", re.IGNORECASE)
_TOML = re.compile(
    rf"""(?P<before>(?:^|[{{,])[ \t]*(?:\#[ \t]*)?[\w.'" \t-]*?(?:{_WORDS})["']?[ \t]*=[ \t]*)"""
    r"""(?:\"\"\"[\s\S]*?\"{3,5}|'''[\s\S]*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[+-]?\d[\w.:+-]*)""",
    re.IGNORECASE | re.MULTILINE,
)
_LINE = re.compile(rf"^(?P<before>[ \t]*[#;]?[ \t]*[\w. -]*?(?:{_WORDS})[ \t]*[=:][ \t]*)(?P<value>\S.*)$", re.IGNORECASE | re.MULTILINE)
_COMMENT = re.compile(rf"^(?P<before>[ \t]*\#.*?(?:{_WORDS})[\"']?[ \t]*[=:][ \t]*)\S.*$", re.IGNORECASE | re.MULTILINE)


def is_secret(name: object) -> bool:
    """Does this name say that its value is a secret?"""
    return isinstance(name, str) and re.sub(r"[\W_]", "", name).lower().endswith(NAMES)


def inside_text(text: str) -> str:
    """A text without the passwords that stand inside it."""
    return _PAIR.sub(lambda m: m["before"] + BLACK, _URL.sub(lambda m: m["before"] + BLACK, text))


def _names_a_secret(pairs: dict[Any, Any]) -> bool:
    return "value" in pairs and any(is_secret(pairs.get(key)) for key in ("name", "key"))


def _left(value: Any, secret: bool = False, where: str = "") -> Iterator[str]:
    """Places of the values that are still secret."""
    if isinstance(value, dict):
        named = _names_a_secret(value)
        for key, item in value.items():
            yield from _left(item, secret or is_secret(key) or (named and key == "value"), f"{where}.{key}".lstrip("."))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _left(item, secret, f"{where}[{i}]")
    elif (secret and value is not None and not isinstance(value, bool) and value not in (BLACK, "")) or (
        isinstance(value, str) and inside_text(value) != value
    ):
        yield where


def _searched(value: Any, file: str) -> None:
    for where in _left(value):
        raise LnxError(251, found=f"a secret at {where} that cannot be blacked out", expected="it in a file of its own", where=file)


def toml(text: str, where: str = "") -> str:
    """Of a TOML file. Raises ValueError when it is none."""
    tomllib.loads(text)
    shown = inside_text(_TOML.sub(lambda m: m["before"] + f'"{BLACK}"', text))
    _searched(tomllib.loads(shown), where)
    return shown


def json_text(text: str, where: str = "") -> str:
    """Of a JSON file; the text itself when nothing in it is secret. Raises ValueError when it is none."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a name twice in one object")
        return dict(pairs)

    value = json.loads(text, object_pairs_hook=once)
    if next(_left(value), None) is None:
        return text
    shown = _without(value)
    _searched(shown, where)
    return json.dumps(shown, ensure_ascii=False, indent=2) + "\n"


def _without(value: Any, secret: bool = False) -> Any:
    if isinstance(value, dict):
        named = _names_a_secret(value)
        return {key: _without(item, secret or is_secret(key) or (named and key == "value")) for key, item in value.items()}
    if isinstance(value, list):
        return [_without(item, secret) for item in value]
    if secret and value is not None and not isinstance(value, bool):
        return BLACK
    return inside_text(value) if isinstance(value, str) else value


def yaml(text: str, where: str = "") -> str:
    """Of a YAML file with any number of documents. Raises ValueError when it is none."""
    spans = sorted({span for node, secret in _scalars(text) for span in [_blacked(node, secret, text)] if span is not None}, reverse=True)
    for begin, end, instead in spans:
        text = text[:begin] + instead + text[end:]
    text = _COMMENT.sub(lambda m: m["before"] + BLACK, text)
    for node, secret in _scalars(text):
        if _blacked(node, secret, text) is not None:
            raise LnxError(251, found=f"a secret in line {node.start_mark.line + 1}", expected="it in a file of its own", where=where)
    return text


def _scalars(text: str) -> list[tuple[Any, bool]]:
    """Every scalar of the documents, and whether a name says that it is secret. Nodes as they lie: nothing is constructed or expanded."""
    import yaml as library  # type: ignore[import-untyped,unused-ignore]

    found: list[tuple[Any, bool]] = []
    seen: set[tuple[int, bool]] = set()

    def walk(node: Any, secret: bool) -> None:
        if (id(node), secret) in seen:
            return
        seen.add((id(node), secret))
        if isinstance(node, library.ScalarNode):
            found.append((node, secret))
        elif isinstance(node, library.SequenceNode):
            for item in node.value:
                walk(item, secret)
        elif isinstance(node, library.MappingNode):
            plain = {key.value: value.value for key, value in node.value if isinstance(key, library.ScalarNode)}
            named = _names_a_secret(plain)
            for key, value in node.value:
                walk(key, False)
                name = key.value if isinstance(key, library.ScalarNode) else ""
                walk(value, secret or is_secret(name) or (named and name == "value"))

    try:
        documents = list(library.compose_all(text, Loader=library.SafeLoader))
        for document in documents:
            walk(document, False)
    except (library.YAMLError, RecursionError) as error:
        raise ValueError(str(error) or "nested too deeply") from error
    return found


def _blacked(node: Any, secret: bool, text: str) -> tuple[int, int, str] | None:
    """(begin, end, text instead) for a scalar with a secret."""
    if secret and node.tag.rpartition(":")[2] not in ("null", "bool") and node.value not in (BLACK, ""):
        shown = BLACK
    elif inside_text(node.value) != node.value:
        shown = inside_text(node.value)
    else:
        return None
    begin, end = node.start_mark.index, node.end_mark.index
    anchor = re.match(r"(?:[!&]\S*\s+)*", text[begin:end])
    kept = "".join(word + " " for word in (anchor[0].split() if anchor else []) if word.startswith("&"))
    return begin, end, f"{kept}{json.dumps(shown, ensure_ascii=False)}" + ("\n" if text[begin:end].endswith("\n") else "")


def lines(text: str, where: str = "") -> str:
    """Of a file of NAME=VALUE or NAME: VALUE lines (.ini, .env, .properties)."""
    return inside_text(_LINE.sub(lambda m: m["before"] + BLACK, text))


KINDS: dict[str, tuple[str, Callable[[str, str], str]]] = {  # suffix -> (what the file has to be, how it is blacked out)
    ".toml": ("a TOML file", toml),
    ".yaml": ("a YAML file", yaml),
    ".yml": ("a YAML file", yaml),
    ".json": ("a JSON file", json_text),
    **dict.fromkeys((".ini", ".cfg", ".conf", ".env", ".properties"), ("lines of text", lines)),
}
MAX_CONFIGURATION = 4 << 20  # bytes; JSON may be a long report


def configuration(path: PurePath, data: bytes) -> tuple[str, str]:
    """A configuration as it was and as it is handed over.

    Raises:
        LnxError: LNX-250 it is not what its name says, LNX-251 a secret that cannot be blacked out.
    """
    refuse = dsse.refuser(250, str(path))
    expected, black_out = KINDS[path.suffix.lower()]
    if len(data) > MAX_CONFIGURATION and black_out is not json_text:
        refuse(f"{len(data)} bytes", f"{expected} of at most {MAX_CONFIGURATION} bytes")
    try:
        text = data.decode("utf-8-sig")
        return text, black_out(text, str(path))
    except UnicodeDecodeError as error:
        refuse(f"a byte that is not UTF-8 at {error.start}", f"{expected} in UTF-8")
    except (ValueError, RecursionError) as error:
        refuse(str(error), expected)
