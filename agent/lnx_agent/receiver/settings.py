"""Settings of the receiver, as they stand in receiver.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from lnx_common.config import Bytes, Document, Settings
from pydantic import Field


class PlantSettings(Settings):
    """One plant that may deliver: by token, by client certificate, or both."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    token_sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    """SHA-256 of the bearer token in hex; the token itself is not kept here."""
    certificate_name: str = ""
    """Common name of the plant's client certificate."""
    agent_keys: tuple[str, ...] = ()
    """Public keys of its agents (agent.vkeys). Without any, the first key that signs a checkpoint is pinned."""
    records_per_second: Annotated[float, Field(gt=0)] = 5000.0


class ReceiverSettings(Settings):
    """Everything in receiver.toml."""

    data: Path
    name: str = "lnx-receiver"
    """Name of the receiver in its counter-signatures."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 4318
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    """Certificates that sign the plants' client certificates; asks every client for one."""
    max_body: Bytes = 64 * 2**20
    keep_years: Annotated[int, Field(ge=1, le=50)] = 5
    roll_records: Annotated[int, Field(ge=1)] = 100_000
    """Records of a stream that move to one Parquet file."""
    plant: tuple[PlantSettings, ...] = Field(min_length=1)


def load_receiver(path: Path) -> ReceiverSettings:
    """Reads receiver.toml. Raises ConfigError with every problem, or PlantError 603."""
    document = Document.read(path)
    settings = document.settings(ReceiverSettings)
    if settings is not None:
        for index, plant in enumerate(settings.plant):
            if not plant.token_sha256 and not plant.certificate_name:
                expected = "token_sha256 or certificate_name"
                document.refuse(("plant", index), found="a plant that cannot prove who it is", expected=expected, expected_ko=expected)
        if (settings.certificate is None) != (settings.key is None):
            document.refuse(
                ("certificate",), found="only one of certificate and key", expected="both", expected_ko="certificate와 key 모두"
            )
    document.finish()
    if settings is None:
        raise AssertionError("refused without a problem")
    return settings
