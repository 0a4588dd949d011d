"""Reader service and token as one program: ``python -m virtual_token --folder DIR`` in tests/licensing, for tests in other languages.

It prints one JSON line ``{"pid", "service_pid", "environment", "reader", "serial", "pub"}`` when a client may
connect, then takes commands on stdin and answers each with one JSON line:

    insert | remove | fault NAME | fault none | stop-service | kill-service | start-service | count | quit

It ends with its stdin, on ``quit``, or by its pid; the service ends with it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from smartcard_service import READERS, why_not
from virtual_reader import VirtualReader, public_base64

from .card import PivCard


def main() -> None:
    parser = argparse.ArgumentParser(prog="virtual_token", description="A PIV token in software behind a private pcscd.")
    parser.add_argument("--folder", type=Path, required=True, help="takes the socket, the log and the test's attestation root")
    parser.add_argument("--maker", choices=["yubico", "plain"], default="yubico")
    parser.add_argument("--serial", type=int, default=12345678)
    parser.add_argument("--blank", action="store_true", help="make no key in slot 9E")
    options = parser.parse_args()
    if why_not():
        sys.exit(why_not())
    options.folder.mkdir(parents=True, exist_ok=True)
    with VirtualReader(options.folder, options.folder / "run") as reader:
        os.environ.update(reader.environment)
        card = reader.insert(reader.new_token(options.serial, maker=options.maker == "yubico", key=not options.blank))
        pub = None if options.blank else public_base64(card)
        pids = {"pid": os.getpid(), "service_pid": reader.service.pid}
        answer({**pids, "environment": reader.environment, "reader": READERS[0], "serial": options.serial, "pub": pub})
        for line in sys.stdin:
            if line.split() == ["quit"]:
                break
            answer(obey(reader, card, line.split()))


def obey(reader: VirtualReader, card: PivCard, words: list[str]) -> dict[str, object]:
    actions: dict[str, Callable[[], object]] = {
        "insert": lambda: reader.insert(card),
        "remove": reader.remove,
        "stop-service": reader.service.stop,
        "kill-service": reader.service.kill,
        "start-service": reader.service.start,
        "count": lambda: None,
    }
    if len(words) == 2 and words[0] == "fault":
        try:
            card.faults.set(None if words[1] == "none" else words[1])
        except ValueError as error:
            return {"error": str(error)}
    elif len(words) == 1 and words[0] in actions:
        actions[words[0]]()
    else:
        return {"error": f"no such command: {' '.join(words)}"}
    return {"inserted": reader.slots[0].card is not None, "fault": card.faults.name, "commands": card.commands}


def answer(value: dict[str, object]) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()
