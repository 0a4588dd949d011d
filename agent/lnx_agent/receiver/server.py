"""The receiver's HTTP face: POST /v1/logs (OTLP), POST /v1/checkpoints (counter-signing), GET /v1/key, GET /v1/streams/<id>, GET /healthz.

Every request but /healthz belongs to a plant, proved by a bearer token or a client certificate. 200 goes out after the commit.
A request that names an unknown form is refused whole (400); a record in conflict with a known one is counted as rejected.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
import time
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

from lnx_agent.delivery.otlp import CONFLICT_HEADER, CONTENT_TYPE
from lnx_agent.evidence.keys import introduced_by
from lnx_agent.evidence.notes import COSIGNATURE, Checkpoint, NoteError, Signer, Verifier, opened_by_any, split
from lnx_agent.receiver import archive
from lnx_agent.receiver.settings import PlantSettings, ReceiverSettings
from lnx_agent.receiver.store import ForeignStreamError, Incoming, Store, leaf_from
from lnx_agent.record import UID, plain, split_uid
from lnx_agent.secrets import load_secret, save_secret

SHORT_TEXT = 4096
HOUSEKEEPING_S = 60.0


class Receiver:
    """The handlers and what they share."""

    def __init__(self, settings: ReceiverSettings) -> None:
        self.settings = settings
        self.store = Store(settings.data)
        self.signer = _signer(settings.data / "receiver.key", settings.name)
        self._buckets = {plant.name: Bucket(plant.records_per_second) for plant in settings.plant}
        for plant in settings.plant:
            for vkey in plant.agent_keys:
                verifier = Verifier.from_text(vkey)
                self.store.pin_key(plant.name, verifier.key_id().hex(), verifier.to_text())

    def application(self) -> web.Application:
        application = web.Application(client_max_size=self.settings.max_body)
        application.add_routes(
            [
                web.post("/v1/logs", self.logs),
                web.post("/v1/checkpoints", self.checkpoints),
                web.get("/v1/key", self.key),
                web.get("/v1/streams/{stream}", self.stream),
                web.get("/healthz", self.health),
            ]
        )
        return application

    # ── who is there ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _plant(self, request: web.Request) -> PlantSettings:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        digest = hashlib.sha256(token.encode()).hexdigest()
        peer: Any = request.transport.get_extra_info("peercert") if request.transport else None
        names = [value for row in (peer or {}).get("subject", ()) for key, value in row if key == "commonName"]
        for plant in self.settings.plant:
            by_token = bool(plant.token_sha256) and hmac.compare_digest(plant.token_sha256, digest)
            by_certificate = bool(plant.certificate_name) and plant.certificate_name in names
            if (by_token or not plant.token_sha256) and (by_certificate or not plant.certificate_name):
                return plant
        raise web.HTTPUnauthorized(text="neither a known token nor a known certificate\n")

    # ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def logs(self, request: web.Request) -> web.Response:
        """OTLP: stores the records, then answers."""
        plant = self._plant(request)
        if request.content_type != CONTENT_TYPE:
            raise web.HTTPUnsupportedMediaType(text=f"expected {CONTENT_TYPE}\n")
        try:
            message = _message(await request.read())
        except (web.RequestPayloadError, ConnectionResetError) as error:
            raise web.HTTPBadRequest(text="the body is not what Content-Encoding and Content-Length say\n") from error
        count = sum(len(scope.log_records) for one in message.resource_logs for scope in one.scope_logs)
        wait = self._buckets[plant.name].take(count)
        if wait > 0:
            raise web.HTTPTooManyRequests(headers={"Retry-After": str(int(wait) + 1)})
        resource, batches, declared = _sorted_out(message)
        try:
            taken = await asyncio.to_thread(self.store.take, plant.name, resource, batches, declared)
        except ForeignStreamError:
            raise web.HTTPForbidden(text="this stream belongs to another plant\n") from None
        await asyncio.to_thread(self._introduce, plant, message)
        answer = ExportLogsServiceResponse()
        if taken.conflicts:
            answer.partial_success.rejected_log_records = len(taken.conflicts)
            answer.partial_success.error_message = f"other records are known under {len(taken.conflicts)} of these numbers"
        headers = {CONFLICT_HEADER: "1"} if taken.conflicts else {}
        return web.Response(body=answer.SerializeToString(), content_type=CONTENT_TYPE, headers=headers)

    # ── evidence ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def checkpoints(self, request: web.Request) -> web.Response:
        """Counter-signs a checkpoint whose records are all here and have its root."""
        plant = self._plant(request)
        note = (await request.read()).decode("utf-8", "replace")
        return await asyncio.to_thread(self._checkpoint, plant, note)

    def _checkpoint(self, plant: PlantSettings, note: str) -> web.Response:
        try:
            checkpoint = Checkpoint.from_text(split(note)[0])
            stream = checkpoint.origin.removeprefix("lnx-edge/")
            if self.store.owner(stream) not in (plant.name, None):
                raise web.HTTPForbidden(text="this stream belongs to another plant\n")
            opened_by_any(note, self._known_keys(plant))
        except NoteError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from error
        missing = self.store.missing(stream, checkpoint.size)
        if missing:
            return web.json_response({"missing": missing}, status=409)
        root = self.store.root_at(stream, checkpoint.size)
        if root != checkpoint.root:
            return web.json_response({"conflict": True, "size": checkpoint.size}, status=422)
        before = self.store.cosignature(stream, checkpoint.size)
        if before is not None and split(before[0])[0] == split(note)[0]:
            return web.Response(text=before[1])
        now = int(time.time())
        line = self.signer.cosign(note, now)
        self.store.keep_checkpoint(stream, checkpoint.size, note, line, now)
        return web.Response(text=line)

    def _known_keys(self, plant: PlantSettings) -> dict[str, Verifier]:
        return {key_id: Verifier.from_text(vkey) for key_id, vkey in self.store.agent_keys(plant.name).items()}

    def _introduce(self, plant: PlantSettings, message: ExportLogsServiceRequest) -> None:
        """Pins keys: the first of an agent whose plant has none configured, and those that a known key introduces."""
        for one in message.resource_logs:
            for scope in one.scope_logs:
                for record in scope.log_records:
                    if record.event_name in ("agent.start", "agent.key"):
                        values = {pair.key: pair.value.string_value for pair in record.attributes}
                        self._introduce_one(plant, values.get("key", ""), values.get("note", ""))

    def _introduce_one(self, plant: PlantSettings, vkey: str, note: str) -> None:
        known = self._known_keys(plant)
        try:
            if note:
                _, old = opened_by_any(note, known)
                verifier = introduced_by(note, old)
            else:
                verifier = Verifier.from_text(vkey)
                if plant.agent_keys or any(one.name == verifier.name for one in known.values()):
                    return
        except NoteError:
            return
        self.store.pin_key(plant.name, verifier.key_id().hex(), verifier.to_text())

    async def key(self, request: web.Request) -> web.Response:
        """The receiver's public key."""
        self._plant(request)
        return web.Response(text=self.signer.verifier.to_text(COSIGNATURE) + "\n")

    async def stream(self, request: web.Request) -> web.Response:
        """What is here of a stream."""
        plant = self._plant(request)
        stream = request.match_info["stream"]
        if self.store.owner(stream) != plant.name:
            raise web.HTTPNotFound
        size = int(request.query.get("size", "0") or 0)
        return web.json_response(await asyncio.to_thread(self.store.missing, stream, size))

    async def health(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _keep_house(self) -> None:
        """Moves full pieces to Parquet and deletes what is older than the retention."""
        while True:
            await asyncio.to_thread(archive.roll, self.store, self.settings.roll_records)
            await asyncio.to_thread(archive.forget_old, self.store, self.settings.keep_years)
            await asyncio.sleep(HOUSEKEEPING_S)

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def serve(self, stop: asyncio.Event, ready: asyncio.Future[int] | None = None) -> None:
        """Serves until asked to stop; ``ready`` gets the port."""
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=3.0)
        await runner.setup()
        site = web.TCPSite(runner, self.settings.host, self.settings.port, ssl_context=tls_context(self.settings))
        await site.start()
        if ready is not None:
            addresses: Any = runner.addresses
            ready.set_result(int(addresses[0][1]))
        keeping = asyncio.create_task(self._keep_house())
        await stop.wait()
        keeping.cancel()
        await runner.cleanup()
        self.store.close()


class Bucket:
    """Records per second of one plant; a burst of ten seconds is free."""

    def __init__(self, rate: float) -> None:
        self._rate, self._level, self._last = rate, rate * 10, time.monotonic()

    def take(self, records: int) -> float:
        """0 when the records may come in, else seconds to wait."""
        now = time.monotonic()
        self._level = min(self._rate * 10, self._level + (now - self._last) * self._rate)
        self._last = now
        if self._level <= 0:
            return -self._level / self._rate + 1.0
        self._level -= records
        return 0.0


def tls_context(settings: ReceiverSettings) -> ssl.SSLContext | None:
    """TLS 1.2 or newer; client certificates when the settings name who signs them."""
    if settings.certificate is None or settings.key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.certificate, settings.key)
    if settings.client_ca is not None:
        context.load_verify_locations(settings.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED if all(p.certificate_name for p in settings.plant) else ssl.CERT_OPTIONAL
    return context


def _signer(path: Path, name: str) -> Signer:
    if not path.exists():
        save_secret(path, Ed25519PrivateKey.generate().private_bytes_raw().hex().encode())
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(load_secret(path).decode())))


def _message(body: bytes) -> ExportLogsServiceRequest:
    """The request; aiohttp has unpacked gzip already, within the limit of the body."""
    try:
        return ExportLogsServiceRequest.FromString(body)
    except DecodeError as error:
        raise web.HTTPBadRequest(text=f"not an ExportLogsServiceRequest: {error}\n") from error


def _sorted_out(message: ExportLogsServiceRequest) -> tuple[bytes, dict[str, list[Incoming]], list[tuple[str, int, bytes]]]:
    """Records by stream, and the leaves that dead letters declare. HTTP 400 when a record has no number."""
    batches: dict[str, list[Incoming]] = {}
    declared: list[tuple[str, int, bytes]] = []
    resource = b""
    for one in message.resource_logs:
        resource = one.resource.SerializeToString()
        for scope in one.scope_logs:
            for record in scope.log_records:
                attributes = {pair.key: pair.value for pair in record.attributes}
                try:
                    stream, seq = split_uid(attributes[UID].string_value)
                except (KeyError, ValueError) as error:
                    raise web.HTTPBadRequest(text=f"a record without {UID}: {error}\n"[:SHORT_TEXT]) from error
                batches.setdefault(stream, []).append(Incoming(seq, record.SerializeToString()))
                if record.event_name == "agent.dead_letter":
                    leaf = leaf_from(plain(attributes["leaf"])) if "leaf" in attributes else None
                    if leaf is not None and "stream" in attributes and "seq" in attributes:
                        declared.append((attributes["stream"].string_value, attributes["seq"].int_value, leaf))
    return resource, batches, declared
