"""The agent as a process that dies by SIGKILL at the Nth operation that matters: flush, rename, delete, commit, request, answer.

python doomed.py agent.toml N      N = 0: lives until it is killed from outside

With LNX_DOOMED=forgetful the agent believes that a request arrived when nobody took it, and never compares with its receiver: a fault
that the oracle has to find.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lnx_agent.delivery.http import Connection
from lnx_agent.delivery.otlp import Answer, Verdict
from lnx_agent.main import run_agent
from lnx_agent.uplinks.otlp_http import OtlpHttp
from lnx_agent.uplinks.receipts import Receipts
from lnx_common.durable_log import DurableLog

LOCK = threading.Lock()


class Countdown:
    """Kills the process when it reaches zero."""

    def __init__(self, left: int) -> None:
        self.left = left

    def step(self) -> None:
        with LOCK:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def around(countdown: Countdown, function: Callable[..., Any]) -> Callable[..., Any]:
    """Dies before or after the operation, at a count of its own each."""

    def wrapped(*arguments: Any, **named: Any) -> Any:
        countdown.step()
        result = function(*arguments, **named)
        countdown.step()
        return result

    return wrapped


def forget() -> None:
    """Takes every try again for a success."""
    send = OtlpHttp._send

    def careless(uplink: OtlpHttp, body: bytes) -> Answer:
        answer = send(uplink, body)
        return Answer(Verdict.ACCEPTED) if answer.verdict is Verdict.RETRY else answer

    setattr(OtlpHttp, "_send", careless)  # noqa: B010
    setattr(Receipts, "exchange", lambda *_: None)  # noqa: B010


def main() -> None:
    countdown = Countdown(int(sys.argv[2]))
    if countdown.left:
        os.fsync = around(countdown, os.fsync)
        for owner, name in ((Path, "replace"), (Path, "unlink"), (DurableLog, "_store"), (Connection, "_exchange")):
            setattr(owner, name, around(countdown, getattr(owner, name)))
    if os.environ.get("LNX_DOOMED") == "forgetful":
        forget()
    run_agent(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
