"""Entry of the packaged `lnx`."""

import multiprocessing
import os
import sys
from pathlib import Path


def begin() -> None:
    """Uses the runtime pack beside the program, unless told otherwise."""
    runtime = Path(sys.executable).parent / "runtime"
    if runtime.is_dir():
        os.environ.setdefault("LNX_RUNTIME_DIR", str(runtime))
    if sys.argv[1:] == ["--version"]:
        from importlib.metadata import version

        print(f"lnx-edge {version('lnx-edge')}")
        return
    from lnx.cli import main

    main()


if __name__ == "__main__":
    multiprocessing.freeze_support()
    begin()
