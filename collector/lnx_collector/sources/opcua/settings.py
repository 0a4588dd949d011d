"""The tables of an OPC UA source."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from lnx_common.config import Seconds, Settings, rule_broken
from pydantic import Field, model_validator

from lnx_collector.contract import Name, SourceSettings
from lnx_collector.sample import Kind


class OpcuaTag(Settings):
    """[[source.tag]]"""

    name: Name
    """Name of the tag, unique in the file."""
    path: str = ""
    """Where it is in the tree: "/Objects/line:Press1/line:Temperature". Survives a restart that gives nodes new ids. Before a name
    stands an alias of `namespaces` or a namespace index; without one the name is of the standard's namespace 0."""
    node: str = ""
    """Node id instead of a path: "ns=2;s=Temp", or "line;s=Temp" with an alias of `namespaces`."""
    sampling: Seconds | None = Field(None, ge=0)
    """How often the server looks at the value. Default: the source's interval."""
    queue: int | None = Field(None, ge=1, le=100_000)
    """Values that the server keeps between two deliveries. Default: the source's."""
    deadband: float = Field(0.0, ge=0)
    """The server reports a change only when it is greater than this (numbers only)."""
    stale_after: Seconds | None = Field(None, gt=0)
    """For a tag that must move: after so long without a value it is subscribed again once, then marked Bad."""
    kind: Kind = "float"
    """Kind of its values, for what is stored."""
    unit: str = ""
    description: str = ""

    @model_validator(mode="after")
    def _one_address(self) -> OpcuaTag:
        if bool(self.path) == bool(self.node):
            raise rule_broken("path or node, one of them", "path와 node 중 하나")
        if self.path and not self.path.startswith("/"):
            raise rule_broken('a path from the root: "/Objects/..."', '"/Objects/..."로 시작하는 경로')
        return self


class OpcuaSettings(SourceSettings):
    """type = "opcua"."""

    type: Literal["opcua"]
    url: str = Field(pattern=r"^opc\.tcp://\S+$")
    """"opc.tcp://host:4840"."""
    interval: Seconds = Field(1.0, gt=0)
    """How often the server delivers."""
    queue: int = Field(10, ge=1, le=100_000)
    """Values of a tag that the server keeps between two deliveries."""
    timeout: Seconds = Field(5.0, gt=0)
    """For one request."""
    namespaces: dict[str, str] = Field(default_factory=dict)
    """Alias -> namespace URI; the index of a namespace may change when the server restarts, its URI does not."""
    security: Literal["None", "Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"] = "None"
    """Security policy."""
    mode: Literal["Sign", "SignAndEncrypt"] = "SignAndEncrypt"
    """With a security policy."""
    certificate: Path | None = None
    """Our certificate (DER or PEM); without one, one is made in the data folder and has to be trusted by the server."""
    key: Path | None = None
    """Key of our certificate."""
    server_certificate: Path | None = None
    """The server's certificate. Without it, the one that the server shows first is remembered, and another one is refused later."""
    user: str = ""
    """User name; anonymous without."""
    password_file: Path | None = None
    """File with the password: passwords do not belong into a configuration."""
    max_items: int = Field(500, ge=1, le=10_000)
    """Tags in one request; the server's own limit counts too."""
    tag: tuple[OpcuaTag, ...] = Field(min_length=1)
