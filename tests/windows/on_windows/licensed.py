"""Opens a licensed model, tells each change of its licence, and runs it whenever a line comes in. Lines of JSON; ends with its input.

usage: licensed.py MODEL.lnx [LICENSE_WAIT_SECONDS]; LNX_RUNTIME_DIR, LNX_TRUST_DIR, LNX_LICENSE_DIR ... as in a factory.
"""

import json
import sys
import threading

import lnx
import numpy as np

BRIGHT = np.full((40, 50, 3), 230, np.uint8)
writing = threading.Lock()


def tell(**line):
    with writing:  # the callback comes from a thread of the library
        sys.stdout.buffer.write(json.dumps(line).encode() + b"\n")
        sys.stdout.buffer.flush()


def changed(state):
    tell(phase=state["phase_name"], status=state["status"])


try:
    wait = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    session = lnx.Session(sys.argv[1], device="cpu", license_wait=wait, on_license=changed)
except lnx.LnxError as error:
    tell(opened=error.status, text=error.text())
    sys.exit(0)
tell(opened=0, license={name: session.license[name] for name in ("phase_name", "license_id", "customer", "evaluation")})
for _ in sys.stdin:
    try:
        tell(run=str(session.run(BRIGHT).verdict))
    except lnx.LnxError as error:
        tell(run=error.status)
session.close()
tell(closed=True)
