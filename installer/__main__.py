"""`python -m installer [--pack cu13] PART...`: makes parts, in the order given.

dev.py, which needs nothing but Python, runs this in the project's environment: pictures, notices and bills of materials need its packages.
"""

from __future__ import annotations

import argparse

import installer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m installer")
    parser.add_argument("part", nargs="+", choices=list(installer.PARTS))
    parser.add_argument("--pack", action="append", default=[], help="carry this pack too: cu12, cu13")
    options = parser.parse_args()
    for part in options.part:
        installer.make(part, *([options.pack] if options.pack else []))


if __name__ == "__main__":
    main()
