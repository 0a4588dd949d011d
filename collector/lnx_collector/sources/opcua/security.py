"""Certificates of OPC UA: ours is made when there is none, the server's is remembered when it is first seen."""

from __future__ import annotations

import hashlib
from pathlib import Path

from asyncua import Client, ua
from asyncua.crypto import security_policies
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lnx_common.errors import PlantError
from lnx_common.files import write_durably

from lnx_collector.sources.opcua.settings import OpcuaSettings


async def secure(client: Client, settings: OpcuaSettings, folder: Path) -> None:
    """Prepares a client for the security of the settings. Raises PlantError 701 for a server that shows another certificate than before."""
    if settings.user:
        client.set_user(settings.user)
        if settings.password_file is not None:
            try:
                client.set_password(settings.password_file.read_text(encoding="utf-8").strip())
            except OSError as error:
                raise PlantError(603, where=str(settings.password_file), found=error.strerror or str(error)) from error
    if settings.security == "None":
        return
    certificate, key = settings.certificate, settings.key
    if certificate is None or key is None:
        client.application_uri = "urn:lnx-edge:collector"
        certificate, key = await client.setup_self_signed_certificate(folder / "client.key.pem", folder / "client.der")
    policy = getattr(security_policies, f"SecurityPolicy{settings.security}")
    mode = ua.MessageSecurityMode[settings.mode]
    shown = await _shown_certificate(client, policy.URI, mode)
    _trusted(settings, shown, folder)
    await client.set_security(policy, certificate, key, server_certificate=_as_file(shown, folder, settings.name), mode=mode)


async def _shown_certificate(client: Client, policy: str, mode: ua.MessageSecurityMode) -> bytes:
    endpoints = await client.connect_and_get_server_endpoints()
    for endpoint in endpoints:
        if endpoint.SecurityPolicyUri == policy and endpoint.SecurityMode == mode:
            return bytes(endpoint.ServerCertificate)
    offered = sorted({f"{one.SecurityPolicyUri.rsplit('#', 1)[-1]} {one.SecurityMode.name}" for one in endpoints})
    raise PlantError(
        701, where=client.server_url.geturl(), found="it offers " + ", ".join(offered), expected=f"{policy.rsplit('#', 1)[-1]} {mode.name}"
    )


def _first(chain: bytes) -> bytes:
    """The server's own certificate out of a chain of DER certificates."""
    length = int.from_bytes(chain[2:4], "big") + 4 if chain[1] == 0x82 else len(chain)
    return chain[:length]


def _trusted(settings: OpcuaSettings, shown: bytes, folder: Path) -> None:
    """Compares with the configured or remembered certificate; remembers the first one."""
    own = _first(shown)
    if settings.server_certificate is not None:
        raw = settings.server_certificate.read_bytes()
        expected = x509.load_pem_x509_certificate(raw).public_bytes(Encoding.DER) if raw.startswith(b"-----") else raw
    else:
        remembered = folder / f"{settings.name}.server.der"
        if not remembered.exists():
            write_durably(remembered, own)
        expected = remembered.read_bytes()
    if own != expected:
        raise PlantError(
            701,
            where=settings.url,
            found=f"the server's certificate is sha256 {hashlib.sha256(own).hexdigest()[:16]}…",
            expected=f"sha256 {hashlib.sha256(expected).hexdigest()[:16]}… as before",
            fix=f"if the server was exchanged on purpose, delete {folder / (settings.name + '.server.der')}",
        )


def _as_file(shown: bytes, folder: Path, name: str) -> str:
    path = folder / f"{name}.shown.der"
    write_durably(path, _first(shown))
    return str(path)
