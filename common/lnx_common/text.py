"""Texts in the language of the reader: every table of texts holds English and Korean side by side."""

from __future__ import annotations

import locale
import os
from collections.abc import Callable, Mapping


def language() -> str:
    """``LNX_LANG`` (``ko`` or ``en``), else by the system's locale."""
    chosen = os.environ.get("LNX_LANG") or (locale.getlocale()[0] or "")
    return "ko" if chosen.lower().startswith(("ko", "korean")) else "en"


def speaker(texts: Mapping[str, tuple[str, str]]) -> Callable[[str], str]:
    """A function that gives the text of a key in the language of this process, from a table of (English, Korean)."""

    def say(key: str) -> str:
        english, korean = texts[key]
        return korean if language() == "ko" else english

    return say
