"""Who the agent is, upstream: the OpenTelemetry resource of its records. Codes only; the PC's name never leaves."""

from __future__ import annotations

import functools
import platform
import uuid
from importlib.metadata import PackageNotFoundError, version

from lnx_agent.config import Identity
from lnx_agent.evidence.keys import AgentKeys


@functools.cache
def agent_version() -> str:
    """The installed version; looking it up reads the packages' folder, so it is asked once."""
    try:
        return version("lnx-edge")
    except PackageNotFoundError:
        return "0"


def resource_of(identity: Identity, keys: AgentKeys) -> dict[str, str]:
    """Attributes of the resource, in a fixed order; empty ones are left out when they are sent."""
    agent = keys.signer.name
    return {
        "service.name": identity.solution,
        "service.namespace": identity.site,
        "service.version": identity.solution_version,
        "service.instance.id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"lnx-edge:{agent}:{identity.asset}")),
        "host.id": identity.asset,
        "os.type": platform.system().lower(),
        "deployment.environment.name": identity.environment,
        "telemetry.sdk.name": "lnx-agent",
        "telemetry.sdk.version": agent_version(),
        "perf.project.id": identity.project,
        "perf.company.id": identity.company,
        "perf.supplier.id": identity.supplier,
        "lnx.agent.id": agent,
    }
