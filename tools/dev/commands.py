"""What each dev.py command does."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

import installer
from tools.dev import checks, gpu, machine, windows
from tools.dev.machine import PYTHON, ROOT, run, say


def build(_: argparse.Namespace) -> None:
    """Build the core and install the `lnx` command into .venv."""
    machine.system_packages(machine.BUILD_PACKAGES)
    machine.environment("cpu")
    lnx = PYTHON.with_name("lnx.exe" if os.name == "nt" else "lnx")
    say(f"ready: {lnx} --help")


def demo(options: argparse.Namespace) -> None:
    """Pack the demo model, inspect a folder of parts, write index.html and results.jsonl."""
    machine.system_packages(machine.BUILD_PACKAGES)
    machine.environment("cpu")
    run([PYTHON, "-m", "tools.demo", "--output", options.output.resolve(), "--device", options.device])


def test(options: argparse.Namespace) -> None:
    """Format, lint, build, and run every test on every supported ONNX Runtime."""
    peers = [name for names in machine.PEER_PACKAGES.values() for name in names]
    machine.system_packages([*machine.BUILD_PACKAGES, *machine.TEST_PACKAGES, *peers, *machine.PACKAGE_PACKAGES])
    machine.environment("cpu,dev,collector,agent,dongle")
    checks.run_stages(options.only)


def bench(options: argparse.Namespace) -> None:
    """Run the benchmarks, or those named; figures go to stdout."""
    machine.system_packages([*machine.BUILD_PACKAGES, *machine.TEST_PACKAGES])
    machine.environment("cpu,dev,collector")
    machine.cmake("release")
    names = options.name or sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py") if not path.stem.startswith("_"))
    for name in names:
        say(f"benchmark {name}")
        run([PYTHON, ROOT / "benchmarks" / f"{name}.py", *(["--json"] if options.json else [])])


def fuzz(options: argparse.Namespace) -> None:
    """Fuzz the container reader, the manifest parser and the preprocessing."""
    machine.system_packages([*machine.BUILD_PACKAGES, *machine.TEST_PACKAGES])
    machine.environment("cpu,dev")
    checks.fuzz(options.seconds)


def nightly(options: argparse.Namespace) -> None:
    """What takes hours: the slow tests, long fuzzing, a thousand kills."""
    peers = [name for names in machine.PEER_PACKAGES.values() for name in names]
    machine.system_packages([*machine.BUILD_PACKAGES, *machine.TEST_PACKAGES, *peers, *machine.PACKAGE_PACKAGES, *machine.NIGHTLY_PACKAGES])
    machine.environment("cpu,dev,collector,agent,dongle")
    checks.slow()
    checks.all_packages()
    windows.nightly()
    checks.fuzz(options.seconds)
    kill_loop(options)


def kill_loop(options: argparse.Namespace) -> None:
    """Kill collector and agent at random moments and count what was accepted and is gone."""
    machine.system_packages(machine.BUILD_PACKAGES)
    machine.environment("cpu,dev,collector,agent")
    env = {"LNX_KILLS": str(options.kills)}
    collector = _last_line([PYTHON, "-m", "pytest", "-q", "-s", "tests/collector/runtime/test_kill.py"], env, " kills, ")
    agent = _last_line([PYTHON, "tests/agent/oracle.py", "--kills", str(options.kills)], {}, "agent: ")
    print(f"collector: {collector[1] or 'no answer'}; {agent[1] or 'agent: no answer'}")
    if collector[0] or agent[0]:
        sys.exit(1)


def _last_line(command: list[str | Path], env: dict[str, str], marked: str) -> tuple[int, str]:
    """Exit status of a command whose output is shown, and its last line that holds ``marked``."""
    found = ""
    words = [str(word) for word in command]
    with subprocess.Popen(words, cwd=ROOT, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            found = line.strip().lstrip(".") if marked in line else found
    return process.returncode, found


def package(options: argparse.Namespace) -> None:
    """Make what a plant installs: packaged programs for Windows and Linux, the Debian package, the setup program."""
    machine.system_packages([*machine.BUILD_PACKAGES, *machine.TEST_PACKAGES, *machine.PEER_PACKAGES["windows"], *machine.PACKAGE_PACKAGES])
    machine.environment("cpu,dev,collector,agent,dongle")
    run([PYTHON, "-m", "installer", *(options.only or installer.PARTS)])


def soak(options: argparse.Namespace) -> None:
    """Run the collector at twice its design load with a fault every hour, and count what is lost."""
    machine.system_packages([*machine.BUILD_PACKAGES, *machine.PEER_PACKAGES["collector"]])
    machine.environment("cpu,dev,collector,agent")
    run([PYTHON, "tests/collector/runtime/soak.py", "--hours", str(options.hours), "--fault-every", str(options.fault_every)])


def packs(options: argparse.Namespace) -> None:
    """Assemble runtime packs from the pinned packages and prove them complete (cu12 and cu13: several GB)."""
    from installer.packs import command

    command.make(tuple(options.pack or command.SMALL))


def setup(options: argparse.Namespace) -> None:
    """Make the Windows setup program, with a CUDA pack inside when one is named."""
    machine.system_packages([*machine.BUILD_PACKAGES, *machine.TEST_PACKAGES, *machine.PEER_PACKAGES["windows"], *machine.PACKAGE_PACKAGES])
    machine.environment("cpu,dev,collector,agent,dongle")
    run([PYTHON, "-m", "installer", "installer", *(word for pack in options.pack or () for word in ("--pack", pack))])


def parity(options: argparse.Namespace) -> None:
    """Compare every family with the project that trains it; their environments are made under .cache once (several GB)."""
    machine.system_packages(machine.BUILD_PACKAGES)
    machine.environment("cpu,dev")
    for name, packages in machine.PARITY.items():
        machine.side_environment(name, packages)
    flags = [flag for flag, given in (("--json", options.json), ("--write", options.write)) if given]
    run([PYTHON, "-m", "tools.parity", *flags])


def docs(options: argparse.Namespace) -> None:
    """Generate the reference pages; --check only says whether they are up to date."""
    if not PYTHON.exists():
        machine.environment("cpu,dev,collector")
    run([PYTHON, "-m", "tools.docs", *(["--check"] if options.check else [])])


def format_code(_: argparse.Namespace) -> None:
    """Format every source file."""
    machine.system_packages(["clang-format-19"])
    checks.format_sources(check=False)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="dev.py", description="Builds, shows, tests and measures LNX Edge.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, function: object) -> argparse.ArgumentParser:
        text = (function.__doc__ or "").strip()
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(function=function)
        return command

    add("build", build)
    command = add("demo", demo)
    command.add_argument("--output", type=Path, default=Path("demo-output"), help="folder for the pages (default: demo-output)")
    command.add_argument("--device", default="auto", help='"auto", "cpu" or "cuda:N"')
    command = add("test", test)
    command.add_argument("--only", action="append", choices=list(checks.STAGES), help="run only this stage; may be repeated")
    command = add("bench", bench)
    command.add_argument("name", nargs="*", help="benchmarks to run (default: all)")
    command.add_argument("--json", action="store_true", help="print one JSON object per benchmark")
    add("fuzz", fuzz).add_argument("--seconds", type=int, default=600, help="per target (default: 600)")
    add("kill-loop", kill_loop).add_argument("--kills", type=int, default=1000, help="(default: 1000)")
    command = add("soak", soak)
    command.add_argument("--hours", type=float, default=24, help="(default: 24)")
    command.add_argument("--fault-every", type=float, default=3600, help="seconds between faults (default: 3600)")
    command = add("nightly", nightly)
    command.add_argument("--seconds", type=int, default=600, help="of fuzzing per target (default: 600)")
    command.add_argument("--kills", type=int, default=1000, help="(default: 1000)")
    gpu.arguments(add("gpu", gpu.command))
    command = add("package", package)
    command.add_argument("--only", action="append", choices=list(installer.PARTS), help="make only this part; may be repeated")
    command = add("windows", windows.command)
    command.add_argument(
        "--wine10", action="store_true", help="make a Debian 13 with Wine 10 once, for licences and dongles (1.5 GB, root)"
    )
    command.add_argument("pytest", nargs="*", help="words for pytest, after --")
    add("packs", packs).add_argument("pack", nargs="*", choices=["cpu", "cu12", "cu13"], help="(default: cpu)")
    add("setup", setup).add_argument("--pack", action="append", choices=["cu12", "cu13"], help="carry this pack too; may be repeated")
    command = add("parity", parity)
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--write", action="store_true", help="write docs/parity.md")
    add("docs", docs).add_argument("--check", action="store_true", help="fail when a page is out of date")
    add("format", format_code)

    options = parser.parse_args(arguments)
    try:
        options.function(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0
