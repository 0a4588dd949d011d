"""Settings of the agent and of the receiver, as they stand in agent.toml and receiver.toml."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from lnx_common.config import Bytes, Document, Seconds, Settings
from lnx_common.events import event_folder
from lnx_common.programdata import programdata
from pydantic import Field

__all__ = ["AgentSettings", "Identity", "OtlpHttpSettings", "data_folder", "load_agent"]

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


def data_folder() -> Path:
    """Where the agent keeps its log unless told otherwise."""
    return programdata() / "agent" if sys.platform == "win32" else Path("/var/lib/lnx/agent")


class Identity(Settings):
    """Who this is, upstream. Codes that the site or the programme gave; never names of people or of PCs."""

    site: str = ""
    """Code of the factory (service.namespace)."""
    solution: str = Field(min_length=1)
    """Name of the solution (service.name)."""
    solution_version: str = ""
    """Its version (service.version)."""
    asset: str = ""
    """Code of the equipment (host.id)."""
    environment: Literal["production", "test"] = "production"
    project: str = ""
    company: str = ""
    supplier: str = ""


class SealSettings(Settings):
    """When records become a segment, and how often the stream is signed."""

    after: Seconds = 3600.0
    size: Bytes = 4_000_000
    checkpoint: Annotated[Seconds, Field(gt=0, le=600)] = 600.0
    heartbeat: Annotated[Seconds, Field(gt=0, le=600)] = 300.0


class RetrySettings(Settings):
    """Seconds between tries: the first, the longest, and the slow probe of an upstream that refuses us."""

    first: Seconds = 1.0
    longest: Seconds = 60.0
    probe: Seconds = 300.0


class OtlpHttpSettings(Settings):
    """Any OTLP/HTTP receiver; ours adds counter-signatures."""

    kind: Literal["otlp_http"]
    name: Name
    url: str = Field(pattern=r"^https?://[^\s/]+(/\S*)?$")
    """Base address; /v1/logs is added."""
    token_file: Path | None = None
    """A file with the bearer token, readable by the service alone."""
    ca: Path | None = None
    """Certificates to trust instead of the system's."""
    client_cert: Path | None = None
    client_key: Path | None = None
    receipts: bool = True
    """Ask for counter-signatures."""
    timeout: Seconds = 30.0
    batch_records: Annotated[int, Field(ge=1, le=10_000)] = 512
    batch_bytes: Bytes = 1_000_000
    records_per_second: Annotated[float, Field(ge=0)] = 0.0
    """Limit while catching up after an outage; 0 = none."""
    retry: RetrySettings = RetrySettings()


class FileDropSettings(Settings):
    """Signed daily files in a folder, for whoever fetches them."""

    kind: Literal["file_drop"]
    name: Name
    folder: Path


class MqttSettings(Settings):
    """The same OTLP request as an MQTT message (QoS 1), for plants where only the broker passes the firewall."""

    kind: Literal["mqtt"]
    name: Name
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 8883
    topic: str = "lnx/{stream}/logs"
    tls: bool = True
    ca: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    user: str = ""
    password_file: Path | None = None
    batch_records: Annotated[int, Field(ge=1, le=10_000)] = 512
    retry: RetrySettings = RetrySettings()


class SmartFactorySettings(Settings):
    """The national smart-factory log service; the table says how events become its records."""

    kind: Literal["smartfactory_log"]
    name: Name
    url: str = Field(pattern=r"^https?://[^\s/]+(/\S*)?$")
    key_file: Path
    """The company's key (crtfcKey)."""
    account: str = Field(min_length=1)
    """Equipment account (sysUser); never a person's name."""
    address: str = ""
    """Address to report (conectIp), as the site assigns it."""
    table: Path | None = None
    """Fields, reply codes and rules; the built-in table when absent."""
    ca: Path | None = None
    timeout: Seconds = 30.0


UplinkSettings = Annotated[OtlpHttpSettings | FileDropSettings | MqttSettings | SmartFactorySettings, Field(discriminator="kind")]


class UsageSettings(Settings):
    """The site's calendar, for the utilisation summary: shifts as "08:00-17:00", days as mon … sun, holidays as dates,
    announced maintenance as "2026-11-20 13:00-14:30"."""

    timezone: str = "Asia/Seoul"
    shifts: tuple[Annotated[str, Field(pattern=r"^\d\d:\d\d-\d\d:\d\d$")], ...] = ("09:00-18:00",)
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ("mon", "tue", "wed", "thu", "fri")
    holidays: tuple[Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")], ...] = ()
    maintenance: tuple[Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d-\d\d:\d\d$")], ...] = ()


class TimestampSettings(Settings):
    """A time stamp authority (RFC 3161) that stamps the monthly certificates."""

    url: str = Field(pattern=r"^https?://[^\s/]+(/\S*)?$")
    ca: Path
    """Certificates in PEM: the authority's root, and those between."""
    tls_ca: Path | None = None
    """Certificates to trust for https instead of the system's."""
    timeout: Seconds = 30.0


class AgentSettings(Settings):
    """Everything in agent.toml."""

    data: Path = Field(default_factory=data_folder)
    """Folder of journal, segments, keys and dead letters; on a local disk."""
    events: tuple[Path, ...] = Field(default_factory=lambda: (event_folder(),))
    """Folders in which programs write their event files."""
    keep_events: Seconds = 7 * 86400.0
    """Event files that were read, sealed and not touched for so long are deleted."""
    reserve: Bytes = 64_000_000
    """Disk space set aside for the hour in which the disk is full."""
    identity: Identity
    seal: SealSettings = SealSettings()
    usage: UsageSettings = UsageSettings()
    timestamp: TimestampSettings | None = None
    uplink: tuple[UplinkSettings, ...] = ()


def load_agent(path: Path, folder: Path | None = None) -> AgentSettings:
    """Reads agent.toml. Paths in it that are not absolute begin at ``folder``: the file's own unless told otherwise.

    Raises ConfigError with every problem, or PlantError 603.
    """
    document = Document.read(path)
    settings = document.settings(AgentSettings)
    if settings is not None:
        names = [uplink.name for uplink in settings.uplink]
        for index, name in enumerate(names):
            if name in names[:index]:
                document.refuse(("uplink", index, "name"), found=f'"{name}"', expected="a name of its own", expected_ko="서로 다른 이름")
    document.finish()
    if settings is None:
        raise AssertionError("refused without a problem")
    return _beginning_at(settings, (folder or path.parent).absolute())


_S = TypeVar("_S", bound=Settings)


def _beginning_at(settings: _S, folder: Path) -> _S:
    changed = {name: _placed(value, folder) for name, value in settings}
    return settings.model_copy(update=changed)


def _placed(value: object, folder: Path) -> object:
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, Settings):
        return _beginning_at(value, folder)
    if isinstance(value, tuple):
        return tuple(_placed(one, folder) for one in value)
    return value
