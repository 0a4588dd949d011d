"""Cases of MQTT messages, through mosquitto. `device.messages` = [[topic, payload], ...]; a payload that is no text is sent as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from lnx_collector.contract import Seen
from paho.mqtt.enums import CallbackAPIVersion
from source_cases import Case, cases, run_case


@pytest.mark.parametrize("case", cases(Path(__file__).parent))
def test_what_is_published_becomes_these_samples(case: Case, broker: Any, tmp_path: Path, watch: Callable[..., Seen]) -> None:
    begin, sent = time.monotonic(), []

    def publish(_: Seen) -> bool:
        if not sent and time.monotonic() - begin > 0.5:
            client = mqtt.Client(CallbackAPIVersion.VERSION2)
            client.connect("127.0.0.1", broker.port)
            client.loop_start()
            for topic, payload in case.device["messages"]:
                raw = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
                sent.append(client.publish(topic, raw, qos=1))
            for one in sent:
                one.wait_for_publish(5)
            client.disconnect()
            client.loop_stop()
        return False

    run_case(case, case.build(tmp_path, host="127.0.0.1", port=broker.port), watch, until=publish)
