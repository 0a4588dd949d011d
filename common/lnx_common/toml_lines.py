"""Where each setting of a TOML file stands: a map from its path to its line.

`tomllib` parses but forgets the lines; this walks the same text once more and keeps nothing but them. It is only ever given
text that `tomllib` has accepted, so it may take the grammar for granted.

Format: a path is a tuple of keys and list indexes, `("source", 2, "tag", 0, "address")`; lines count from 1.
"""

from __future__ import annotations

import tomllib

Path = tuple[str | int, ...]


def lines_of(text: str) -> dict[Path, int]:
    """The line of every table, key and list element in ``text``, which must be valid TOML."""
    walk = _Walk(text.replace("\r\n", "\n"))
    walk.document()
    return walk.lines


class _Walk:
    """A reader of valid TOML that remembers only places."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.lines: dict[Path, int] = {(): 1}
        self.lists: dict[Path, int] = {}  # arrays of tables: how many elements so far

    def document(self) -> None:
        table: Path = ()
        while self._skip_blank():
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._assignment(table)

    def _skip_blank(self) -> bool:
        """Past spaces, newlines and comments; False at the end of the text."""
        while self.at < len(self.text):
            c = self.text[self.at]
            if c == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif c in " \t\n":
                self._step(1)
            else:
                return True
        return False

    def _step(self, n: int) -> None:
        self.line += self.text.count("\n", self.at, self.at + n)
        self.at += n

    def _spaces(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1

    def _header(self) -> Path:
        is_list = self.text.startswith("[[", self.at)
        line = self.line
        self.at += 2 if is_list else 1
        keys = self._keys()
        self.at += 2 if is_list else 1
        path: Path = ()
        for i, key in enumerate(keys):
            path = (*path, key)
            self.lines.setdefault(path, line)
            if is_list and i == len(keys) - 1:
                self.lists[path] = self.lists.get(path, 0) + 1
            if path in self.lists:
                path = (*path, self.lists[path] - 1)
        self.lines.setdefault(path, line)
        return path

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._spaces()
            if self.text[self.at] in "\"'":
                begin = self.at
                self._string()
                keys.append(str(tomllib.loads(f"k={self.text[begin : self.at]}")["k"]))
            else:
                begin = self.at
                while self.text[self.at].isalnum() or self.text[self.at] in "-_":
                    self.at += 1
                keys.append(self.text[begin : self.at])
            self._spaces()
            if self.text[self.at] != ".":
                return keys
            self.at += 1

    def _assignment(self, table: Path) -> None:
        path, line = table, self.line
        for key in self._keys():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self.at += 1  # the equals sign
        self._spaces()
        self._value(path)

    def _value(self, path: Path) -> None:
        c = self.text[self.at]
        if c in "\"'":
            self._string()
        elif c == "[":
            self._list(path)
        elif c == "{":
            self._inline_table(path)
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}\n#":
                self.at += 1

    def _list(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self._skip_blank() and self.text[self.at] != "]":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self.lines[(*path, index)] = self.line
            self._value((*path, index))
            index += 1
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while self._skip_blank() and self.text[self.at] != "}":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._assignment(path)
        self.at += 1

    def _string(self) -> None:
        quote = self.text[self.at]
        if self.text.startswith(quote * 3, self.at):
            end = self.at + 3
            while not self.text.startswith(quote * 3, end):
                end += 2 if quote == '"' and self.text[end] == "\\" else 1
            end += 3
            while self.text.startswith(quote, end):  # up to two quotes may stand before the closing three
                end += 1
        else:
            end = self.at + 1
            while self.text[end] != quote:
                end += 2 if quote == '"' and self.text[end] == "\\" else 1
            end += 1
        self._step(end - self.at)
