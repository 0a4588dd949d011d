"""The OpenTelemetry Collector as a receiver that we did not write: it takes our requests, and what it passes on is byte for byte ours.

Its program is built once, with Go: `go install go.opentelemetry.io/collector/cmd/builder@v0.165.0` and
`builder --config tests/agent/otelcol/builder.yaml`; the result belongs to `.cache/otelcol-lnx` or `LNX_OTELCOL`.
"""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest
from agent_plant import TOKEN, agent_toml, receiver_settings, running_agent, running_receiver, wait_for
from lnx_agent.agent import Agent
from lnx_common.durable_log import Entry
from lnx_common.events import EventFile

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("LNX_OTELCOL", ROOT / ".cache/otelcol-lnx"))
CONFIG = """
receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:{port}
exporters:
  otlphttp:
    endpoint: {target}
    headers: {{ Authorization: "Bearer {token}" }}
    sending_queue: {{ enabled: false }}
    retry_on_failure: {{ enabled: false }}
service:
  telemetry: {{ metrics: {{ level: none }} }}
  pipelines:
    logs: {{ receivers: [otlp], exporters: [otlphttp] }}
"""


@pytest.mark.skipif(not PROGRAM.exists(), reason=f"{PROGRAM} is not built; the head of this file says how")
def test_the_collector_accepts_our_records_and_passes_on_the_same_bytes(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    events = EventFile("inspection", tmp_path / "plant/events")
    with running_receiver(receiver_settings(tmp_path / "receiver")) as there:
        config = tmp_path / "collector.yaml"
        config.write_text(CONFIG.format(port=port, target=there.url, token=TOKEN), encoding="utf-8")
        collector = subprocess.Popen([str(PROGRAM), "--config", f"file:{config}"], stderr=subprocess.DEVNULL)
        try:
            with running_agent(agent_toml(tmp_path / "plant", f"http://127.0.0.1:{port}")) as agent:
                for n in range(700):
                    events.write("lnx.run.summary", {"model": "한글", "runs": n, "brightness": n / 7, "score_histogram": [n, 0, 1]})
                wait_for(lambda: sum(1 for r in there.records().values() if r.event == "lnx.run.summary") == 700)
                collector.terminate()
                collector.wait(60)
                wait_for(lambda: agent.uplinks[0].status.state == "retrying")
                ours = {(agent.ledger.live.id, entry.seq): entry.body for entry in _all(agent)}
        finally:
            collector.kill()
        passed_on = there.bodies()
        assert len(passed_on) >= 700
        assert all(ours[key] == body for key, body in passed_on.items())


def _all(agent: Agent) -> list[Entry]:
    found: list[Entry] = []
    while entries := agent.ledger.read(agent.ledger.live.id, len(found), 10**6):
        found += entries
    return found
