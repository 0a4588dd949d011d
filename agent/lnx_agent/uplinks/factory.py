"""From settings to a running uplink: the one place that knows every kind.

A kind's module, and the library behind it, is loaded when the settings ask for one: an agent without MQTT starts without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lnx_agent.config import FileDropSettings, MqttSettings, OtlpHttpSettings, RetrySettings, UplinkSettings
from lnx_agent.delivery.backoff import Pace
from lnx_agent.evidence.notes import Signer
from lnx_agent.secrets import load_secret
from lnx_agent.uplinks.base import Lent, Uplink

if TYPE_CHECKING:
    from lnx_agent.delivery.http import Endpoint
    from lnx_agent.uplinks.mqtt import Broker
    from lnx_agent.uplinks.otlp_http import Limits


@dataclass(frozen=True)
class Plant:
    """What some uplinks need of the plant: its calendar's zone and the agent's key."""

    timezone: str
    signer: Signer


def make_uplink(settings: UplinkSettings, lent: Lent, plant: Plant) -> Uplink:
    """The uplink that the settings describe. Raises PlantError when a secret cannot be read."""
    lent.folder.mkdir(parents=True, exist_ok=True)
    if isinstance(settings, OtlpHttpSettings):
        from lnx_agent.uplinks.otlp_http import OtlpHttp

        pace = pace_of(settings.retry)
        return OtlpHttp(settings.name, endpoint_of(settings), lent, limits_of(settings), pace, receipts=settings.receipts)
    if isinstance(settings, FileDropSettings):
        from lnx_agent.uplinks.file_drop import FileDrop

        return FileDrop(settings.name, settings.folder, plant.timezone, plant.signer, lent)
    if isinstance(settings, MqttSettings):
        from lnx_agent.uplinks.mqtt import Mqtt

        return Mqtt(settings.name, _broker_of(settings), lent, settings.batch_records, pace_of(settings.retry))
    from lnx_agent.delivery.http import Endpoint
    from lnx_agent.uplinks.smartfactory_log import SmartFactoryLog, Table

    key = load_secret(settings.key_file).decode("ascii").strip()
    values = {"key": key, "account": settings.account, "address": settings.address}
    endpoint = Endpoint(settings.url, {"User-Agent": "lnx-agent"}, settings.ca)
    return SmartFactoryLog(settings.name, endpoint, Table.load(settings.table), values, lent, settings.timeout)


def _broker_of(settings: MqttSettings) -> Broker:
    from lnx_agent.uplinks.mqtt import Broker

    password = load_secret(settings.password_file).decode("utf-8").strip() if settings.password_file else ""
    certificates = (settings.ca, settings.client_cert, settings.client_key)
    return Broker(settings.host, settings.port, settings.topic, settings.tls, *certificates, settings.user, password)


def endpoint_of(settings: OtlpHttpSettings) -> Endpoint:
    from lnx_agent.delivery.http import Endpoint

    headers = {"User-Agent": "lnx-agent"}
    if settings.token_file is not None:
        headers["Authorization"] = "Bearer " + load_secret(settings.token_file).decode("ascii").strip()
    return Endpoint(settings.url, headers, settings.ca, settings.client_cert, settings.client_key)


def limits_of(settings: OtlpHttpSettings) -> Limits:
    from lnx_agent.uplinks.otlp_http import Limits

    return Limits(settings.batch_records, settings.batch_bytes, settings.records_per_second, settings.timeout)


def pace_of(settings: RetrySettings) -> Pace:
    return Pace(settings.first, settings.longest, settings.probe)
