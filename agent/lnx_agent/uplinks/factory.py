"""From settings to a running uplink: the one place that knows every kind."""

from __future__ import annotations

from lnx_agent.config import OtlpHttpSettings, UplinkSettings
from lnx_agent.delivery.backoff import Pace
from lnx_agent.delivery.http import Endpoint
from lnx_agent.secrets import load_secret
from lnx_agent.uplinks.base import Lent, Uplink
from lnx_agent.uplinks.otlp_http import Limits, OtlpHttp


def make_uplink(settings: UplinkSettings, lent: Lent) -> Uplink:
    """The uplink that the settings describe. Raises PlantError when a secret cannot be read."""
    lent.folder.mkdir(parents=True, exist_ok=True)
    if isinstance(settings, OtlpHttpSettings):
        return OtlpHttp(settings.name, endpoint_of(settings), lent, limits_of(settings), pace_of(settings), receipts=settings.receipts)
    raise NotImplementedError(settings.kind)


def endpoint_of(settings: OtlpHttpSettings) -> Endpoint:
    headers = {"User-Agent": "lnx-agent"}
    if settings.token_file is not None:
        headers["Authorization"] = "Bearer " + load_secret(settings.token_file).decode("ascii").strip()
    return Endpoint(settings.url, headers, settings.ca, settings.client_cert, settings.client_key)


def limits_of(settings: OtlpHttpSettings) -> Limits:
    return Limits(settings.batch_records, settings.batch_bytes, settings.records_per_second, settings.timeout)


def pace_of(settings: OtlpHttpSettings) -> Pace:
    return Pace(settings.retry.first, settings.retry.longest, settings.retry.probe)
