"""Time stamps of RFC 3161, given and checked by OpenSSL: what it accepts we accept, and what we keep it accepts."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from agent_plant import this_month
from lnx_agent.cli import app
from lnx_agent.config import TimestampSettings
from lnx_agent.evidence.timestamp import stamp
from lnx_common.errors import PlantError
from test_commands import log_of
from typer.testing import CliRunner

CONFIG = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_cert = {folder}/tsa.crt
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[usage]
extendedKeyUsage = critical,timeStamping
"""


def openssl(*words: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, check=False)


class Authority:
    """A time stamp authority: OpenSSL behind HTTP. ``spoil`` changes its answers."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.spoil = folder, ""
        self._config = folder / "tsa.cnf"
        self._config.write_text(CONFIG.format(folder=folder), encoding="ascii")
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        for name in ("ca", "stranger"):
            done = openssl("req", "-x509", *new, "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt", "-subj", f"/CN={name}")
            assert done.returncode == 0, done.stderr
        openssl("req", *new, "-keyout", folder / "tsa.key", "-out", folder / "tsa.csr", "-subj", "/CN=tsa")
        signing = ("-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "2")
        usage = ("-extfile", self._config, "-extensions", "usage")
        done = openssl("x509", "-req", "-in", folder / "tsa.csr", *signing, *usage, "-out", folder / "tsa.crt")
        assert done.returncode == 0, done.stderr
        (folder / "serial").write_text("01\n", encoding="ascii")
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/stamp"

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer = authority.answer(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(503 if authority.spoil == "503" else 200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def answer(self, query: bytes) -> bytes:
        asked, told = self.folder / "query", self.folder / "answer"
        if self.spoil == "old":
            return told.read_bytes()
        if self.spoil == "page":
            return b"<html>log in</html>"
        asked.write_bytes(query)
        done = openssl("ts", "-reply", "-config", self._config, "-queryfile", asked, "-out", told)
        assert done.returncode == 0, done.stderr
        return told.read_bytes()

    def settings(self, ca: str = "ca.crt") -> TimestampSettings:
        return TimestampSettings(url=self.url, ca=self.folder / ca)

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    one = Authority(tmp_path_factory.mktemp("tsa"))
    yield one
    one.end()


def test_openssl_accepts_what_is_kept(authority: Authority, tmp_path: Path) -> None:
    path = tmp_path / "확인서.seal"
    path.write_bytes(b"what was so")
    when = stamp(path, authority.settings())
    assert abs(when.astimezone(UTC) - datetime.now(UTC)) < timedelta(minutes=1)
    kept = path.with_name(path.name + ".tsr")
    assert openssl("ts", "-verify", "-data", path, "-in", kept, "-CAfile", authority.folder / "ca.crt").returncode == 0
    path.write_bytes(b"what was not so")
    assert openssl("ts", "-verify", "-data", path, "-in", kept, "-CAfile", authority.folder / "ca.crt").returncode != 0


@pytest.mark.parametrize("spoil", ["503", "page", "old", "stranger", "nobody"])
def test_an_answer_that_proves_nothing_is_refused_and_not_kept(authority: Authority, tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"first")
    stamp(path, authority.settings())
    path.with_name("text.tsr").unlink()
    path.write_bytes(b"second")
    settings = authority.settings("stranger.crt" if spoil == "stranger" else "ca.crt")
    if spoil == "nobody":
        settings = settings.model_copy(update={"url": "http://127.0.0.1:1"})
    authority.spoil = spoil
    try:
        with pytest.raises(PlantError) as raised:
            stamp(path, settings)
    finally:
        authority.spoil = ""
    assert raised.value.status == 808
    assert not path.with_name("text.tsr").exists()


def test_the_monthly_certificate_is_stamped_with_its_root(authority: Authority, tmp_path: Path) -> None:
    settings = log_of(tmp_path)
    with settings.open("a", encoding="utf-8") as file:
        file.write(f"\n[timestamp]\nurl = \"{authority.url}\"\nca = '{authority.folder / 'ca.crt'}'\n")
    month = this_month()
    done = CliRunner().invoke(app, ["certificate", str(settings), month, "--out", str(tmp_path)])
    assert f"certificate-{month}.seal.tsr" in done.output
    seal = tmp_path / f"certificate-{month}.seal"
    lines = seal.read_text(encoding="utf-8").splitlines()
    assert [line.split()[0] for line in lines] == [f"certificate-{month}.html", f"certificate-{month}.pdf", "root"]
    kept = seal.with_name(seal.name + ".tsr")
    assert openssl("ts", "-verify", "-data", seal, "-in", kept, "-CAfile", authority.folder / "ca.crt").returncode == 0
