"""What goes wrong, told the same way everywhere: a status, what was found, what was expected, where, and the fix."""

from __future__ import annotations

from lnx._error_table import ERRORS

__all__ = ["ERRORS", "LnxError"]


class LnxError(Exception):
    """A failure with a stable status (``LNX-204``); the pages are in ``docs/errors``.

    Attributes: ``status`` (int), ``name`` (``"LNX_E_CHUNK_HASH"``), ``found``, ``expected``, ``where``, ``fix`` (texts, may be empty).
    """

    def __init__(self, status: int, *, found: str = "", expected: str = "", where: str = "", fix: str = "") -> None:
        text = ERRORS.get(status, ERRORS[507])
        self.status = status
        self.name = text.name
        self.title = text.title
        self.title_ko = text.title_ko
        self.found = found
        self.expected = expected
        self.where = where
        self.fix = fix or text.fix
        self.fix_ko = text.fix_ko
        super().__init__(self.text())

    @property
    def page(self) -> str:
        """Path of the help page inside the project."""
        return f"docs/errors/LNX-{self.status}.md"

    def text(self, language: str = "en") -> str:
        """The whole message, one line per fact. ``language`` is ``"en"`` or ``"ko"``."""
        korean = language == "ko"
        words = ("위치", "발견", "필요", "조치", "참조") if korean else ("where", "found", "expected", "do", "see")
        facts = (self.where, self.found, self.expected, self.fix_ko if korean else self.fix, self.page)
        lines = [f"LNX-{self.status}  {self.title_ko if korean else self.title}"]
        lines += [f"  {word:<9} {fact}" for word, fact in zip(words, facts, strict=True) if fact]
        return "\n".join(lines)
