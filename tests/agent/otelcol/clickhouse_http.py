"""ClickHouse's HTTP interface in front of chDB, which is ClickHouse's engine as a Python package: as much as its Go client needs.

    python clickhouse_http.py FOLDER PORT        statements come as ClickHouse's clients send them; FOLDER holds the database

A statement's rows go back in the Native format of the client's protocol; the bytes of an INSERT go to the engine as they came. Needs
`pip install chdb`; runs in a process of its own, because the engine takes the process over.
"""

from __future__ import annotations

import json
import struct
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chdb.session import Session

CUSTOM_SERIALIZATION = 54454  # protocol from which a column says whether its serialization is a special one
NUMBERS = {"UInt8": "B", "UInt16": "H", "UInt32": "I", "UInt64": "Q", "Int32": "i", "Int64": "q"}


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes((*out, number))


def text(value: str) -> bytes:
    data = value.encode()
    return varint(len(data)) + data


def native(names: list[str], types: list[str], rows: list[list[Any]], protocol: int) -> bytes:
    """One block. Types other than numbers go as String."""
    out = b"\x01\x00\x02" + struct.pack("<i", -1) + b"\x00" if protocol else b""
    out += varint(len(names)) + varint(len(rows))
    for index, (name, kind) in enumerate(zip(names, types, strict=True)):
        form = NUMBERS.get(kind)
        out += text(name) + text(kind if form else "String") + (b"\x00" if protocol >= CUSTOM_SERIALIZATION else b"")
        for row in rows:
            out += struct.pack(f"<{form}", int(row[index])) if form else text(str(row[index]))
    return out


class Handler(BaseHTTPRequestHandler):
    engine: Session

    def do_POST(self) -> None:
        given = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        body = self._body()
        statement, data = (given["query"], body) if "query" in given else (body.decode(), b"")
        try:
            answer = self._insert(statement, data) if data else self._ask(statement, int(given.get("client_protocol_version", "0")))
            self._reply(200, answer)
        except Exception as error:
            self._reply(500, f"Code: 1. {error}".encode())

    def _insert(self, statement: str, data: bytes) -> bytes:
        with tempfile.NamedTemporaryFile(suffix=".native") as file:
            file.write(data)
            file.flush()
            head = statement.split("FORMAT")[0].split("VALUES")[0]
            self.engine.query(f"{head} FROM INFILE '{file.name}' FORMAT Native")
        return b""

    def _ask(self, statement: str, protocol: int) -> bytes:
        lines = str(self.engine.query(statement, "JSONCompactStringsEachRowWithNamesAndTypes")).splitlines()
        if not lines:
            return b""
        names, types, *rows = (json.loads(line) for line in lines)
        return native(names, types, rows, protocol)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status != 200:
            self.send_header("X-ClickHouse-Exception-Code", "1")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")  # one caller after the other: the engine has one thread for us
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    Handler.engine = Session(sys.argv[1])
    Handler.protocol_version = "HTTP/1.1"
    HTTPServer.request_queue_size = 64
    HTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()


if __name__ == "__main__":
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    main()
