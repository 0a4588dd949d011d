"""Runs the agent as a process: `python -m lnx_agent.main agent.toml`, as the service does."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from lnx_common.service import StopSignal, run_until_stopped

from lnx_agent.agent import Agent
from lnx_agent.reload import SettingsFile


def run_agent(path: Path, stop: StopSignal | None = None) -> None:
    """Runs until stopped. Raises ConfigError or PlantError when it cannot begin."""
    file = SettingsFile(path)
    loaded = file.start()
    agent = Agent(loaded.settings, file, loaded.digest)
    if loaded.refused is not None:
        agent.refuse_settings(loaded.refused)
    gc.freeze()  # what was loaded stays: looking through it at every full collection is work for nothing
    run_until_stopped(agent.run, stop)


if __name__ == "__main__":
    run_agent(Path(sys.argv[1]))
