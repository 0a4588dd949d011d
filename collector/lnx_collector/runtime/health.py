"""How each source and sink is doing: what `lnx collect status` and the metrics show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lnx_common.errors import PlantError

STARTING, RUNNING, WAITING, DONE, STOPPED = "starting", "running", "waiting", "done", "stopped"


@dataclass
class Health:
    """Counters since start, and the present state. ``waiting`` = between two attempts."""

    name: str
    type: str
    state: str = STARTING
    samples: int = 0
    bad: int = 0
    lost: int = 0
    restarts: int = 0
    last_time: int = 0
    """Receive time of the last sample, or time of the last confirmed delivery; ns, 0 = none."""
    error: PlantError | None = None
    parts: dict[str, PlantError] = field(default_factory=dict)
    """Parts of it that do not work, while the rest does."""
    behind: int = 0
    """Sinks: samples not confirmed yet."""

    def as_dict(self, language: str = "en") -> dict[str, Any]:
        plain = {key: value for key, value in vars(self).items() if key not in ("error", "parts")}
        plain["error"] = self.error.text(language) if self.error else ""
        plain["parts"] = {part: error.text(language) for part, error in self.parts.items()}
        return plain
