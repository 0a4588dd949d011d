"""A plant for the tests: certificates, a receiver on loopback, an agent in this process or in its own, programs that write events.

Tests wait for what they expect, as long as a crowded machine may need; a promise in seconds is checked in `seconds_here`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from lnx_agent.agent import Agent
from lnx_agent.config import AgentSettings, load_agent
from lnx_agent.receiver.server import Receiver
from lnx_agent.receiver.settings import PlantSettings, ReceiverSettings
from lnx_agent.record import Parsed, parsed
from lnx_agent.secrets import save_secret
from lnx_common.service import StopSignal

TOKEN = "token-of-the-test-plant"


def certificate(folder: Path, name: str = "localhost", days: int = 2) -> tuple[Path, Path]:
    """A self-signed certificate for loopback, made by openssl; (certificate, key)."""
    folder.mkdir(parents=True, exist_ok=True)
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1"]
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(days)]
    subprocess.run([*new, "-keyout", str(key), "-out", str(cert), *subject], check=True, capture_output=True)
    return cert, key


def certificate_of_days(folder: Path, begin: int, end: int) -> tuple[Path, Path]:
    """A self-signed certificate for loopback that is valid from ``begin`` to ``end``, in days from now."""
    folder.mkdir(parents=True, exist_ok=True)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now + timedelta(days=begin)).not_valid_after(now + timedelta(days=end))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    cert, private = folder / "localhost.crt", folder / "localhost.key"
    cert.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return cert, private


class RunningReceiver:
    """The reference receiver in a thread."""

    def __init__(self, settings: ReceiverSettings, kind: type[Receiver] = Receiver) -> None:
        self.receiver = kind(settings)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        ready: asyncio.Future[int] = self._loop.create_future()
        self._port: list[int] = []
        ready.add_done_callback(lambda done: self._port.append(done.result()))
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self.receiver.serve(self._stop, ready),), daemon=True)
        self._thread.start()
        wait_for(lambda: bool(self._port))
        scheme = "https" if settings.certificate else "http"
        self.url = f"{scheme}://localhost:{self._port[0]}" if settings.certificate else f"http://127.0.0.1:{self._port[0]}"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        assert not self._thread.is_alive()

    def records(self) -> dict[tuple[str, int], Parsed]:
        """Everything that is stored, by stream and number."""
        return {key: parsed(body) for key, body in self.bodies().items()}

    def bodies(self) -> dict[tuple[str, int], bytes]:
        store = self.receiver.store
        with store.lock:
            return {(s, n): b for s, n, b in store.connection().execute("SELECT stream, seq, body FROM record")}


def receiver_settings(folder: Path, *, tls: tuple[Path, Path] | None = None, **more: Any) -> ReceiverSettings:
    plant = PlantSettings(name="plant", token_sha256=hashlib.sha256(TOKEN.encode()).hexdigest(), records_per_second=10**6)
    values: dict[str, Any] = {"data": folder, "port": 0, "plant": (plant,), **more}
    if tls:
        values |= {"certificate": tls[0], "key": tls[1]}
    return ReceiverSettings(**values)


@contextlib.contextmanager
def running_receiver(settings: ReceiverSettings) -> Iterator[RunningReceiver]:
    running = RunningReceiver(settings)
    try:
        yield running
    finally:
        running.stop()


def agent_toml(folder: Path, url: str, *, ca: Path | None = None, uplink: str = "", more: str = "") -> Path:
    """agent.toml of the test plant, impatient in everything."""
    folder.mkdir(parents=True, exist_ok=True)
    token = folder / "token"
    save_secret(token, TOKEN.encode())
    text = f"""
data = '{folder / "data"}'
events = ['{folder / "events"}']
reserve = "1MB"
{more}
[identity]
solution = "surface inspection"
site = "P001"
asset = "AI-VISION-01"

[seal]
after = "2s"
size = "100kB"
checkpoint = "1s"
heartbeat = "1s"

[[uplink]]
kind = "otlp_http"
name = "agency"
url = "{url}"
token_file = '{token}'
timeout = "3s"
{f"ca = '{ca}'" if ca else ""}
{uplink}
[uplink.retry]
first = "50ms"
longest = "200ms"
probe = "200ms"
"""
    path = folder / "agent.toml"
    path.write_text(text, encoding="utf-8")
    return path


class RunningAgent:
    """An agent in a thread of this process."""

    def __init__(self, settings: AgentSettings | Path, **more: Any) -> None:
        self.agent = Agent(load_agent(settings) if isinstance(settings, Path) else settings, **more)
        self.stop_signal = StopSignal()
        self._thread = threading.Thread(target=self.agent.run, args=(self.stop_signal,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.stop_signal.set()
        self._thread.join(90)
        assert not self._thread.is_alive()


@contextlib.contextmanager
def running_agent(settings: AgentSettings | Path, **more: Any) -> Iterator[Agent]:
    running = RunningAgent(settings, **more)
    try:
        wait_for(running.agent.ready.is_set)
        yield running.agent
    finally:
        running.stop()


def agent_process(settings: Path) -> subprocess.Popen[bytes]:
    """The agent as its own process, to be killed."""
    return subprocess.Popen([sys.executable, "-m", "lnx_agent.main", str(settings)], stdout=subprocess.DEVNULL)


def bounded(words: Sequence[str], seconds: float, **more: Any) -> subprocess.CompletedProcess[str]:
    """A command and everything that it starts, ended after so many seconds: status 124. Its output goes through files, because a pipe
    that a grandchild holds would be waited for however long that one lives."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True, **more)
        try:
            code = child.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            code = 124
        finally:
            ended(child)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(list(words), code, out.read().decode("utf-8", "replace"), err.read().decode("utf-8", "replace"))


def ended(child: subprocess.Popen[Any], seconds: float = 30.0) -> None:
    """Kills a process and waits for it, but not for ever."""
    child.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(seconds)


def seconds_here(seconds: float) -> float:
    """What a promise of so many seconds is on this machine now: longer by as much as its cores are shared with others."""
    return seconds * max(1.0, 1.5 * os.getloadavg()[0] / (os.cpu_count() or 1))


def this_month() -> str:
    """YYYY-MM at the plant, whose clock is that of Seoul."""
    return datetime.now(ZoneInfo("Asia/Seoul")).strftime("%Y-%m")


def wait_for(condition: Callable[[], object], seconds: float = 90.0, *, fail: bool = True) -> None:
    """Waits until a condition holds; fails when it never does, unless told not to."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.03)
    assert not fail or condition(), f"did not become true within {seconds} s"
