"""What goes wrong in a service, told the same way everywhere: a status, what was found, what was expected, where, and the fix."""

from __future__ import annotations

from lnx_common._error_table import ERRORS
from lnx_common.text import language

__all__ = ["ERRORS", "PlantError"]


class PlantError(Exception):
    """A failure with a stable status (``LNX-602``); the pages are in ``docs/errors``.

    Attributes: ``status`` (int), ``name`` (``"CONFIG_VALUE"``), ``found``, ``expected``, ``where``, ``fix`` (texts, may be empty).
    """

    def __init__(self, status: int, *, found: str = "", expected: str = "", where: str = "", fix: str = "") -> None:
        text = ERRORS.get(status, ERRORS[699])
        self.status = status
        self.name = text.name
        self.title = text.title
        self.title_ko = text.title_ko
        self.found = found
        self.expected = expected
        self.where = where
        self.fix = fix or text.fix
        self.fix_ko = text.fix_ko
        super().__init__(self.text("en"))

    @property
    def page(self) -> str:
        """Path of the help page inside the project."""
        return f"docs/errors/LNX-{self.status}.md"

    def text(self, chosen: str | None = None) -> str:
        """The whole message, one line per fact. ``chosen`` is ``"en"`` or ``"ko"`` (default: the language of this process)."""
        korean = (chosen or language()) == "ko"
        words = ("위치", "발견", "필요", "조치", "참조") if korean else ("where", "found", "expected", "do", "see")
        facts = (self.where, self.found, self.expected, self.fix_ko if korean else self.fix, self.page)
        lines = [f"LNX-{self.status}  {self.title_ko if korean else self.title}"]
        lines += [f"  {word:<9} {fact}" for word, fact in zip(words, facts, strict=True) if fact]
        return "\n".join(lines)
