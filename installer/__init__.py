"""Makes what a plant installs: packaged programs, packages of the system, the setup program. `python3 dev.py package`.

One module per part. Everything is written below build/dist; what took long to fetch is kept below .cache.
"""

from __future__ import annotations

import importlib

PARTS: dict[str, str] = {  # name on the command line -> module and function that makes it
    "windows": "installer.onedir:windows_part",
    "deb": "installer.debian:package",
    "packs": "installer.packs.command:make",
    "installer": "installer.setup:make",
}


def make(part: str, *arguments: object) -> None:
    """Makes one part. Ends the program when that fails. Runs in the project's environment: `python -m installer PART`."""
    module, _, function = PARTS[part].partition(":")
    getattr(importlib.import_module(module), function)(*arguments)
