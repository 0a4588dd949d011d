"""An upstream that answers as a script says, and remembers what it accepted."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lnx_agent.record import Parsed, of_message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

PROTOBUF = "application/x-protobuf"


class Reply:
    """One answer. ``accept``: the records count as received although the answer may say otherwise."""

    def __init__(self, status: int = 200, body: bytes = b"", kind: str = PROTOBUF, *, accept: bool | None = None, **headers: str) -> None:
        self.status, self.body, self.kind = status, body, kind
        self.accept = status == 200 and kind == PROTOBUF if accept is None else accept
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def rejecting(count: int, message: str = "") -> Reply:
    """200 with partial success."""
    answer = ExportLogsServiceResponse()
    answer.partial_success.rejected_log_records = count
    answer.partial_success.error_message = message
    return Reply(200, answer.SerializeToString(), accept=count == 0)


Script = Callable[[list[Parsed]], Reply | None]
"""Given the records of a request: the answer, or None to hang up without one."""


class Upstream:
    """A plain HTTP server on loopback; `script` may be changed at any time."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.accepted: dict[str, Parsed] = {}
        self.duplicates = 0
        self.requests: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path != "/v1/logs":
                    self.send_error(404)
                    return
                outer.answer(self, body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        message = ExportLogsServiceRequest.FromString(gzip.decompress(body))
        records = [of_message(r) for one in message.resource_logs for scope in one.scope_logs for r in scope.log_records]
        self.requests.append(len(records))
        reply = self.script(records)
        if reply is None:
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return
        if reply.accept:
            self.duplicates += sum(1 for record in records if record.uid in self.accepted)
            self.accepted.update({record.uid: record for record in records})
        handler.send_response(reply.status)
        for name, value in {"Content-Type": reply.kind, "Content-Length": str(len(reply.body)), **reply.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(reply.body)

    def statuses(self) -> list[int]:
        """Payloads of the accepted test events."""
        return sorted(int(r.attributes["status"]) for r in self.accepted.values() if r.event == "lnx.error")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
