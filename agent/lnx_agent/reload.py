"""agent.toml while the agent runs: a change is taken over without a restart, a change that cannot be used leaves the last good settings.

The text of the settings in use is kept as `settings.last-good.toml` in the data folder, so that a restart with a broken file also goes
on with them: a slip of the pen must not cost a night of the log. Either way an alarm names the line until the file is mended.

Invariant: a file counts as changed once it has been the same for two looks; half-saved files are nobody's settings.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from lnx_common.config import ConfigError
from lnx_common.errors import PlantError
from lnx_common.files import write_durably

from lnx_agent.config import AgentSettings, data_folder, load_agent

LAST_GOOD = "settings.last-good.toml"
_DATA = re.compile(rb"""^\s*data\s*=\s*(?:'([^'\n]*)'|"([^"\n]*)")""", re.MULTILINE)


@dataclass(frozen=True)
class Loaded:
    """Settings, the SHA-256 of their text, and why the file itself is not in use (None when it is)."""

    settings: AgentSettings
    digest: str
    refused: PlantError | None = None


class SettingsFile:
    """One configuration file, watched."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen = self._bytes()
        self._pending: bytes | None = None

    def start(self) -> Loaded:
        """The settings to begin with. Raises ConfigError or PlantError when the file is no good and none was good before."""
        try:
            return Loaded(load_agent(self.path), _digest(self._seen))
        except PlantError as error:
            old = _data_folder_in(self._seen) / LAST_GOOD
            try:
                return Loaded(load_agent(old, self.path.parent), _digest(old.read_bytes()), error)
            except (PlantError, OSError):
                raise error from None

    def look(self) -> bytes | None:
        """The new text of the file, once, after it has changed and come to rest; None otherwise."""
        now = self._bytes()
        if now == self._seen:
            self._pending = None
            return None
        if now != self._pending:
            self._pending = now
            return None
        self._seen, self._pending = now, None
        return now

    def load(self, running: AgentSettings) -> Loaded:
        """The settings that the file has now. Raises ConfigError or PlantError when a running agent cannot take them over."""
        settings = load_agent(self.path)
        if settings.data != running.data:
            raise PlantError(
                602, where=f"{self.path} data", found=str(settings.data), expected=f"{running.data}, or a restart of the agent"
            )
        return Loaded(settings, _digest(self._seen))

    def keep(self, folder: Path) -> None:
        """Remembers the text as good."""
        kept = folder / LAST_GOOD
        if not kept.exists() or kept.read_bytes() != self._seen:
            write_durably(kept, self._seen)

    def _bytes(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError:
            return b""


def where_of(error: PlantError) -> str:
    """File and line of the first problem, without values: fit to leave the machine."""
    return Path(error.problems[0].where).name if isinstance(error, ConfigError) and error.problems else f"LNX-{error.status}"


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _data_folder_in(text: bytes) -> Path:
    """The data folder that a file names even when the rest of it cannot be used."""
    try:
        named = tomllib.loads(text.decode("utf-8-sig")).get("data")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        found = _DATA.search(text)
        named = (found[1] or found[2]).decode("utf-8", "replace") if found else None
    return Path(named) if isinstance(named, str) else data_folder()
