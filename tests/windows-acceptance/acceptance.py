"""Walks through checklist.toml on a Windows PC and keeps the record of what it showed.

    python acceptance.py --model part.lnx --key key.pem --picture part.bmp --output C:\\LNX\\acceptance
    python acceptance.py --list                     # prints the checklist and does nothing

Needs Windows, Python 3.11 with our wheel and psutil. Automatic steps run by themselves; for the others it prints what to do and what is
expected and asks. The record (acceptance.json) is written after every answer, so a walk can be broken off and is taken up again where it
stopped; acceptance.md is the same for people. The exit status is 0 when every step passed or was left out with a reason.
"""

from __future__ import annotations

import argparse
import getpass
import json
import platform
import sys
import tomllib
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ANSWERS = {"p": "passed", "f": "failed", "s": "left out"}


def steps() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = tomllib.loads((HERE / "checklist.toml").read_text(encoding="utf-8"))["step"]
    return listed


def show(step: dict[str, Any], number: str) -> None:
    print(f"\n[{number}] {step['id']}: {step['title']}\n      {step['title_ko']}")
    for line in step.get("how", []):
        print(f"      - {line}")
    print(f"      expected: {step['expected']}", flush=True)


def asked(step: dict[str, Any]) -> dict[str, Any]:
    """What a person says about a step: [p]assed, [f]ailed or [s]kipped, then a note; a failure and a skip need one."""
    while True:
        answer = input("      p = passed, f = failed, s = leave out: ").strip().lower()[:1]
        if answer in ANSWERS:
            break
    while True:
        note = input("      note: ").strip()
        if note or answer == "p":
            return {"outcome": ANSWERS[answer], "note": note}


def carried_out(step: dict[str, Any], case: Any) -> dict[str, Any]:
    """The outcome of an automatic step; a crash of it is a failure, with its text."""
    import automatic

    try:
        return {"outcome": "passed", "facts": getattr(automatic, step["check"])(case)}
    except automatic.StepError as failure:
        return {"outcome": "failed", "note": str(failure)}
    except Exception as error:
        return {"outcome": "failed", "note": f"{type(error).__name__}: {error}"}


def write(record: dict[str, Any], folder: Path) -> None:
    """Both files, whole or not at all."""
    lines = [f"# Acceptance on {record['computer']}", "", f"{record['system']}, by {record['person']}, lnx {record['version']}", ""]
    lines += ["| step | outcome | when | note |", "|---|---|---|---|"]
    for step in steps():
        done = record["steps"].get(step["id"], {"outcome": "open"})
        note = str(done.get("note") or json.dumps(done.get("facts", ""), ensure_ascii=False)).replace("|", "\\|").replace("\n", " ")
        lines.append(f"| {step['title']} | {done['outcome']} | {done.get('time', '')} | {note.strip(chr(34))[:400]} |")
    for name, text in (("acceptance.json", json.dumps(record, ensure_ascii=False, indent=1)), ("acceptance.md", "\n".join(lines) + "\n")):
        part = folder / (name + ".part")
        part.write_text(text, encoding="utf-8")
        part.replace(folder / name)


def walk(options: argparse.Namespace) -> int:
    sys.path.insert(0, str(HERE))
    import automatic

    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "acceptance.json"
    head = {"computer": platform.node(), "system": platform.platform(), "person": options.person, "version": metadata.version("lnx-edge")}
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {**head, "steps": {}}
    case = automatic.Case(options.model, options.key, options.picture, options.runtime, options.programs, options.hours, options.start)
    listed = steps()
    for number, step in enumerate(listed, 1):
        if record["steps"].get(step["id"], {}).get("outcome") in ("passed", "left out") or (
            options.only and step["id"] not in options.only
        ):
            continue
        show(step, f"{number}/{len(listed)}")
        if step["about"] in options.without:
            done = {"outcome": "left out", "note": f"without {step['about']}"}
        elif "check" in step:
            done = carried_out(step, case)
            print(f"      {done['outcome']} {done.get('note', '')}", flush=True)
        else:
            done = asked(step)
        record["steps"][step["id"]] = {**done, "time": datetime.now().astimezone().isoformat(timespec="seconds")}
        write(record, options.output)
    outcomes = [record["steps"].get(step["id"], {"outcome": "open"})["outcome"] for step in listed]
    counted = {name: outcomes.count(name) for name in ("passed", "failed", "left out", "open")}
    print("\n" + ", ".join(f"{count} {name}" for name, count in counted.items()) + f"; the record is in {options.output}")
    return 0 if counted["failed"] == counted["open"] == 0 else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print the checklist and do nothing")
    parser.add_argument("--model", type=Path, help="a packed model with golden images")
    parser.add_argument("--key", type=Path, help="its public key, unless it lies in the trust folder")
    parser.add_argument("--picture", type=Path, help="a picture of a part")
    parser.add_argument("--runtime", type=Path, help="folder of the runtime pack")
    parser.add_argument("--programs", type=Path, default=HERE, help="folder of lnx.dll and the built windows_*.exe")
    parser.add_argument("--output", type=Path, default=Path("acceptance"), help="folder of the record")
    parser.add_argument("--person", default=getpass.getuser(), help="who answers")
    parser.add_argument("--hours", type=float, default=0.1, help="of the step `endurance`; 24 before a release")
    parser.add_argument("--start", type=float, default=10, help="seconds that the first verdict may take")
    parser.add_argument("--without", action="append", default=[], choices=["gpu", "dongle", "build"], help="leave these steps out")
    parser.add_argument("--only", action="append", default=[], help="one step; may be repeated")
    options = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
    if options.list:
        for number, step in enumerate(steps(), 1):
            show(step, str(number))
        return 0
    if not options.model or not options.picture:
        parser.error("--model and --picture are needed")
    return walk(options)


if __name__ == "__main__":
    sys.exit(main())
