#!/usr/bin/env python3
"""The one entry for people: installs what is missing, builds, runs. `python3 dev.py --help`.

Needs nothing but Python >= 3.11; the work is done by tools/dev/.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this is the message for whoever has an older one
    sys.exit(f"LNX Edge needs Python 3.11 or later; this is {sys.version.split()[0]} at {sys.executable}")

from tools.dev.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
