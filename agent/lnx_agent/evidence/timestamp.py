"""Time stamps of RFC 3161: somebody else says that a text existed at a time, so that a key that leaks later cannot rewrite the past.

What is stamped is a text file; beside `NAME` the authority's whole answer is kept as `NAME.tsr`. Anybody can check the pair without us:
`openssl ts -verify -data NAME -in NAME.tsr -CAfile ca.pem`.

Invariant: an answer is kept only after it has been checked against the request and the authorities that the settings trust.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cryptography import x509
from lnx_common.errors import PlantError
from lnx_common.files import write_durably

from lnx_agent.config import TimestampSettings
from lnx_agent.delivery.http import Connection, Endpoint, TransportError

STAMP_REFUSED = 808
QUERY = "application/timestamp-query"


def stamp(path: Path, settings: TimestampSettings) -> datetime:
    """Has a file stamped, writes `<path>.tsr` and returns the time in it (UTC). Raises PlantError 808; then nothing is written."""
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, VerificationError, VerifierBuilder, decode_timestamp_response

    data = path.read_bytes()
    request = TimestampRequestBuilder().data(data).hash_algorithm(HashAlgorithm.SHA256).build()
    verifier = VerifierBuilder.from_request(request)
    for certificate in _trusted(settings.ca):
        own = certificate.issuer == certificate.subject
        verifier = verifier.add_root_certificate(certificate) if own else verifier.add_intermediate_certificate(certificate)
    raw = _asked(request.as_bytes(), settings)
    try:
        answer = decode_timestamp_response(raw)
        verifier.build().verify_message(answer, data)
    except (ValueError, VerificationError) as error:
        raise _refused(settings, str(error)) from error
    write_durably(path.with_name(path.name + ".tsr"), raw)
    told: datetime = answer.tst_info.gen_time
    return told


def _asked(query: bytes, settings: TimestampSettings) -> bytes:
    connection = Connection(Endpoint(settings.url, {"User-Agent": "lnx-agent"}, settings.tls_ca), settings.timeout)
    try:
        answer = connection.request("POST", "", query, {"Content-Type": QUERY, "Accept": "application/timestamp-reply"})
    except TransportError as error:
        raise _refused(settings, str(error)) from error
    finally:
        connection.close()
    if answer.status != 200:
        raise _refused(settings, f"HTTP status {answer.status}")
    return answer.body


def _trusted(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise PlantError(STAMP_REFUSED, where=str(path), found=str(error), expected="certificates in PEM") from error


def _refused(settings: TimestampSettings, found: str) -> PlantError:
    return PlantError(STAMP_REFUSED, where=settings.url, found=found, expected="a time stamp of a trusted authority")
