"""Opens a model as the environment says, runs it once, and prints one line of JSON: what happened, and what the machine offers."""

import ctypes
import json
import os
import sys

import lnx
import numpy as np

if os.environ.get("LNX_TEST_LOAD_FIRST"):  # what another part of the program has loaded before
    ctypes.WinDLL(os.environ["LNX_TEST_LOAD_FIRST"])
told = {"status": 0, "text": ""}
try:
    runtime = os.environ.get("LNX_TEST_RUNTIME") or None
    device = os.environ.get("LNX_TEST_DEVICE", "cpu")
    with lnx.Session(
        os.environ["LNX_TEST_MODEL"], device=device, trusted_keys=[os.environ["LNX_TEST_KEY"]], runtime_dir=runtime
    ) as session:
        told["verdict"] = str(session.run(np.full((256, 256, 3), 90, np.uint8)).verdict)
        told["runtime"] = session.describe()["runtime"]["path"]
except lnx.LnxError as error:
    told |= {"status": error.status, "text": error.text()}
if os.environ.get("LNX_TEST_DOCTOR"):
    told["doctor"] = lnx.doctor(runtime)
sys.stdout.buffer.write(json.dumps(told).encode() + b"\n")
