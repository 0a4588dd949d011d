"""Agents that read a file and deliver it, behind one face, so that all of them get the same kills and the same dead upstream.

    lnx-agent   event files, OTLP/HTTP to our receiver
    rsyslog     imfile, disk queue (syncQueueFiles on, checkpoint after each message), RELP to another rsyslog
    syslog-ng   file source with flow control, reliable disk-buffer, TCP (its free edition has no acknowledgements) to a sink here

Programs that are not installed are fetched as Debian packages and unpacked into a folder; nothing is installed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Protocol, TextIO

from _report import ROOT
from lnx_common.events import EventFile

sys.path.insert(0, str(ROOT / "tests/agent"))
from agent_plant import RunningReceiver, agent_process, agent_toml, receiver_settings

SYSLOG_NG = ("syslog-ng-core", "libivykis0", "libnet1", "libpcre3", "libwrap0", "libjson-c5")
RSYSLOG_SENDER = """
global(workDirectory="{work}")
module(load="imfile" mode="inotify")
module(load="omrelp")
input(type="imfile" File="{file}" Tag="bench" reopenOnTruncate="off" PersistStateInterval="1")
template(name="plain" type="string" string="%msg%\\n")
action(type="omrelp" target="127.0.0.1" port="{port}" template="plain" action.resumeRetryCount="-1" action.resumeInterval="1"
       queue.type="Disk" queue.filename="q" queue.syncQueueFiles="on" queue.checkpointInterval="1" queue.saveOnShutdown="on")
"""
RSYSLOG_TARGET = """
global(workDirectory="{work}")
module(load="imrelp")
template(name="plain" type="string" string="%rawmsg%\\n")
input(type="imrelp" port="{port}" ruleset="keep")
ruleset(name="keep") {{ action(type="omfile" file="{out}" template="plain" asyncWriting="off" flushOnTXEnd="on") }}
"""
SYSLOG_NG_SENDER = """@version: 3.38
options {{ flush-lines(1); time-reopen(1); }};
source s {{ file("{file}" follow-freq(0.1) flags(no-parse)); }};
destination d {{ network("127.0.0.1" port({port}) transport("tcp") template("$MSG\\n")
  disk-buffer(reliable(yes) disk-buf-size(104857600) mem-buf-size(1048576) dir("{work}"))); }};
log {{ source(s); destination(d); flags(flow-control); }};
"""
EVENT = re.compile(rb"event (\d{9})")


class Contender(Protocol):
    """One of them. ``seen`` counts how often each event has arrived."""

    name: str

    def write(self, number: int) -> None: ...
    def upstream(self, up: bool) -> None: ...
    def start(self) -> None: ...
    def kill(self) -> None: ...
    def seen(self) -> Counter[int]: ...


class LnxAgent:
    def __init__(self, folder: Path) -> None:
        self.name = "lnx-agent"
        self._folder, self._port = folder, free_port()
        self._toml = agent_toml(folder / "plant", f"http://127.0.0.1:{self._port}")
        self._events = EventFile("bench", folder / "plant/events")
        self._receiver: RunningReceiver | None = None

    def write(self, number: int) -> None:
        self._events.write("lnx.error", {"status": number, "model": "m"})

    def upstream(self, up: bool) -> None:
        if up:
            self._receiver = RunningReceiver(receiver_settings(self._folder / "receiver", port=self._port))
        elif self._receiver is not None:
            self._receiver.stop()

    def start(self) -> None:
        self._agent = agent_process(self._toml)

    def kill(self) -> None:
        self._agent.kill()
        self._agent.wait()

    def seen(self) -> Counter[int]:
        records = self._receiver.records().values() if self._receiver else []
        return Counter(int(record.attributes["status"]) for record in records if record.event == "lnx.error")


class Rsyslog:
    def __init__(self, folder: Path) -> None:
        self._program = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"
        version = subprocess.run([self._program, "-v"], capture_output=True, text=True, check=True).stdout
        self.name = " ".join(version.split()[:2])
        self._source, self._out = folder / "events.log", folder / "received.log"
        port = free_port()
        self._configs = {}
        for role, text in (("sender", RSYSLOG_SENDER), ("target", RSYSLOG_TARGET)):
            (folder / role).mkdir(parents=True)
            self._configs[role] = folder / f"{role}.conf"
            values = {"work": folder / role, "file": self._source, "port": port, "out": self._out}
            self._configs[role].write_text(text.format(**values), encoding="utf-8")
        self._file = self._source.open("a", encoding="ascii")
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def _begin(self, role: str) -> None:
        config = self._configs[role]
        config.with_suffix(".pid").unlink(missing_ok=True)
        command = [self._program, "-n", "-f", str(config), "-i", str(config.with_suffix(".pid"))]
        self._running[role] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def write(self, number: int) -> None:
        write_line(self._file, number)

    def upstream(self, up: bool) -> None:
        if up:
            self._begin("target")
        else:
            self._running["target"].terminate()
            self._running["target"].wait()

    def start(self) -> None:
        self._begin("sender")

    def kill(self) -> None:
        self._running["sender"].kill()
        self._running["sender"].wait()

    def seen(self) -> Counter[int]:
        return Counter(int(found) for found in EVENT.findall(self._out.read_bytes())) if self._out.exists() else Counter()


class SyslogNg:
    def __init__(self, folder: Path, program: Path) -> None:
        self._program, self._folder, self._port = program, folder, free_port()
        root = next(path for path in program.parents if path.name == "syslog-ng.unpacked")
        places = sorted({str(path.parent) for path in root.rglob("*.so*")})
        self._environment = {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(places)}
        self._modules = next(path.parent for path in root.rglob("libaffile.so"))
        version = subprocess.run([str(program), "-V"], capture_output=True, text=True, env=self._environment, check=False).stdout
        self.name = "syslog-ng " + (re.search(r"\((\d[\d.]+)\)", version) or ["", "?"])[1]
        folder.mkdir(parents=True)
        self._config = folder / "sender.conf"
        values = {"work": folder, "file": folder / "events.log", "port": self._port}
        self._config.write_text(SYSLOG_NG_SENDER.format(**values), encoding="utf-8")
        self._file = (folder / "events.log").open("a", encoding="ascii")
        self._received = bytearray()
        self._sink: Sink | None = None

    def write(self, number: int) -> None:
        write_line(self._file, number)

    def upstream(self, up: bool) -> None:
        if up:
            self._sink = Sink(self._port, self._received)
        elif self._sink is not None:
            self._sink.close()

    def start(self) -> None:
        files = [part for flag, name in (("-R", "persist"), ("-c", "control"), ("-p", "pid")) for part in (flag, str(self._folder / name))]
        command = [str(self._program), "-F", "--no-caps", f"--module-path={self._modules}", "-f", str(self._config), *files]
        self._agent = subprocess.Popen(command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self._agent.kill()
        self._agent.wait()

    def seen(self) -> Counter[int]:
        return Counter(int(found) for found in EVENT.findall(bytes(self._received)))


class Sink:
    """Takes lines over TCP and keeps every byte that it was given, also those on their way when it closes."""

    def __init__(self, port: int, received: bytearray) -> None:
        self._server = socket.create_server(("127.0.0.1", port))
        self._received = received
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self._connections.append(connection)
                self._threads.append(threading.Thread(target=self._read, args=(connection,), daemon=True))
                self._threads[-1].start()

    def _read(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := connection.recv(1 << 16):
                self._received += data

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)  # what has arrived is still read, then the end is
        for thread in self._threads:
            thread.join(2)
        for connection in self._connections:
            connection.close()


def write_line(file: TextIO, number: int) -> None:
    file.write(f"event {number:09d}\n")
    file.flush()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def syslog_ng(cache: Path) -> Path | None:
    """syslog-ng from its Debian packages, unpacked beside us; None where there is no apt."""
    if shutil.which("apt-get") is None:
        return None
    root = cache / "syslog-ng.unpacked"
    program = root / "usr/sbin/syslog-ng"
    if not program.exists():
        root.mkdir(parents=True, exist_ok=True)
        for name in SYSLOG_NG:
            subprocess.run(["apt-get", "-qq", "download", name], cwd=root, capture_output=True, check=False)
        for package in root.glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(root)], check=True)
    return program if program.exists() else None
