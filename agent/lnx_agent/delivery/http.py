"""One HTTP/1.1 connection that is kept, with a deadline over the whole exchange and plain words for what failed.

Invariants: a request never takes longer than its deadline, whatever the other side does; certificates are always checked; a
redirect is an answer, not an order.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from lnx_agent.delivery.dial import dial
from lnx_agent.delivery.otlp import Response

MAX_ANSWER = 4 * 2**20
CONNECT_S = 10.0


class TransportError(Exception):
    """No answer. ``reason`` is one of the words of `_reason`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Endpoint:
    """Where to and how: base URL, headers, certificates."""

    url: str
    headers: Mapping[str, str]
    ca: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None


class Connection:
    """Sends one request at a time; opens itself again when it has to."""

    def __init__(self, endpoint: Endpoint, timeout_s: float) -> None:
        self._endpoint = endpoint
        self._parts = urlsplit(endpoint.url)
        self._timeout = timeout_s
        self._connection: http.client.HTTPConnection | None = None

    def request(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Response:
        """The answer, whatever its status. Raises TransportError when there is none; then the next request begins anew."""
        deadline = time.monotonic() + self._timeout
        fresh = self._connection is None
        try:
            return self._exchange(method, path, body, headers or {}, deadline)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            self.close()
            if fresh:
                raise TransportError("disconnected", str(error)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise TransportError(_reason(error), str(error)) from error
        try:  # the other side had closed the connection that was kept: once more on a new one
            return self._exchange(method, path, body, headers or {}, deadline)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise TransportError(_reason(error), str(error)) from error

    def _exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str], deadline: float) -> Response:
        connection = self._connection or self._open()
        self._connection = connection
        self._limit(connection, deadline)
        watchdog = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, (connection,))  # a drip of bytes resets every timeout
        watchdog.daemon = True
        watchdog.start()
        try:
            return self._read_answer(connection, method, path, body, headers, deadline)
        finally:
            watchdog.cancel()

    def _read_answer(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> Response:
        connection.request(method, self._parts.path.rstrip("/") + path, body, {**self._endpoint.headers, **headers})
        self._limit(connection, deadline)
        answer = connection.getresponse()
        data = bytearray()
        while True:
            self._limit(connection, deadline)
            piece = answer.read1(65536)
            if not piece:
                break
            data += piece
            if len(data) > MAX_ANSWER:
                raise ValueError("the answer is longer than 4 MiB")
        answer.close()  # read1 leaves a response open that ended exactly at its length
        response = Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, bytes(data))
        if answer.will_close:
            self.close()
        return response

    def _open(self) -> http.client.HTTPConnection:
        host, seconds = self._parts.hostname or "", min(CONNECT_S, self._timeout)
        context = self._context() if self._parts.scheme == "https" else None
        if context is not None:
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(host, self._parts.port, timeout=seconds, context=context)
        else:
            connection = http.client.HTTPConnection(host, self._parts.port, timeout=seconds)
        connection.auto_open = 0  # it would ask for the name again, without a bound
        channel = dial(host, connection.port, seconds)
        try:
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sock = context.wrap_socket(channel, server_hostname=host) if context else channel
        except BaseException:
            channel.close()
            raise
        return connection

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self._endpoint.ca) if self._endpoint.ca else None)
        if self._endpoint.client_cert:
            key = str(self._endpoint.client_key) if self._endpoint.client_key else None
            context.load_cert_chain(str(self._endpoint.client_cert), key)
        return context

    @staticmethod
    def _limit(connection: http.client.HTTPConnection, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no whole answer within the time")
        if connection.sock is not None:
            connection.sock.settimeout(left)

    def close(self) -> None:
        """Drops the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _cut(connection: http.client.HTTPConnection) -> None:
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        if "expired" in error.verify_message:
            return "certificate-expired"
        if "not yet valid" in error.verify_message:
            return "certificate-not-yet-valid"
        return "certificate-untrusted"
    if isinstance(error, ssl.SSLError):
        return "tls"
    if isinstance(error, socket.gaierror):
        return "name-not-found"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ConnectionRefusedError):
        return "connection-refused"
    if isinstance(error, FileNotFoundError):
        return "certificate-file-missing"
    return "disconnected"
