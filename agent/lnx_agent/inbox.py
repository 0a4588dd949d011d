"""What commands leave for the running agent, which alone may write to the log: receipts that came back, notes about a new key.

Files in `inbox/`: `*.receipt` (transfer.py) and `*.keynote` (text of a note). The agent appends the record first and deletes the file
after, so a crash between repeats a record and loses none.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from lnx_common.errors import PlantError
from lnx_common.files import write_durably

from lnx_agent.transfer import read_receipts
from lnx_agent.uplinks.base import Tell

CARRIED = "carried"  # the name of the way by hand


def leave_receipt(inbox: Path, receipt: Path) -> None:
    """Checks a receipt file and leaves it for the agent. Raises PlantError 806."""
    read_receipts(receipt)
    write_durably(inbox / f"{secrets.token_hex(4)}.receipt", receipt.read_bytes())


def leave_note(inbox: Path, note: str) -> None:
    write_durably(inbox / f"{secrets.token_hex(4)}.keynote", note.encode())


def take_inbox(inbox: Path, tell: Tell, live: str) -> None:
    """Appends what lies there to the live stream; a file that is no good is kept as `*.refused`."""
    for path in sorted(inbox.glob("*.keynote")):
        tell("agent.key", {"note": path.read_text(encoding="utf-8")})
        path.unlink()
    for path in sorted(inbox.glob("*.receipt")):
        try:
            _, receipts = read_receipts(path)
        except PlantError:
            path.rename(path.with_suffix(".refused"))
            continue
        for receipt in receipts:
            if receipt.stream == live:
                tell("audit.receipt", {"uplink": CARRIED, "size": receipt.size, "signature": receipt.cosignature})
        path.unlink()
