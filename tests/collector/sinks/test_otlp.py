"""The OTLP sink against a receiver that parses with the official protobuf and answers as told."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from lnx_collector.historian import Historian
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest, ExportMetricsServiceResponse

Answer = tuple[int, bytes, str]
FINE: Answer = (200, b"", "application/x-protobuf")


class Receiver:
    """Keeps the points it has confirmed, by their key; `script` decides each answer."""

    def __init__(self) -> None:
        self.points: dict[int, Any] = {}
        self.metrics: dict[str, str] = {}
        self.requests = 0
        self.script: Callable[[int, list[int]], Answer] = lambda n, seqs: FINE
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
                request = ExportMetricsServiceRequest.FromString(body)
                found = {
                    int(point.attributes[0].value.string_value.split(":")[1]): (metric, point)
                    for metric in request.resource_metrics[0].scope_metrics[0].metrics
                    for point in metric.gauge.data_points
                }
                receiver.requests += 1
                status, answer, kind = receiver.script(receiver.requests, sorted(found))
                if (status, answer) == FINE[:2] and kind == FINE[2]:
                    receiver.points |= {seq: point for seq, (_, point) in found.items()}
                    receiver.metrics |= {metric.name: metric.unit for metric, _ in found.values()}
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/metrics"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.stop()


def test_numbers_arrive_as_gauges_with_time_unit_quality_and_key(store: Historian, fill: Any, deliver: Any, receiver: Receiver) -> None:
    samples = fill(100)
    deliver({"type": "otlp", "url": receiver.url, "batch": 30})
    expected = {i + 1 for i, sample in enumerate(samples) if not isinstance(sample.value, str)}
    assert set(receiver.points) == expected
    assert receiver.metrics == {"a.x": "bar", "a.n": ""}
    first, whole, bad = receiver.points[1], receiver.points[2], receiver.points[10]
    assert (first.as_double, first.time_unix_nano) == (0.0, samples[0].time)
    assert whole.as_int == 1
    assert bad.flags == 1 and bad.attributes[1].value.string_value == "BAD_TIMEOUT"


@pytest.mark.parametrize(
    "answer", [(503, b"", "text/plain"), (429, b"", "text/plain"), (200, b"<html>log in</html>", "text/html"), (302, b"", "text/html")]
)
def test_what_is_no_confirmation_is_tried_again_until_it_is_one(
    store: Historian, fill: Any, deliver: Any, receiver: Receiver, answer: Answer
) -> None:
    fill(40)
    receiver.script = lambda n, seqs: answer if n <= 3 else FINE
    health = deliver({"type": "otlp", "url": receiver.url})
    assert health.restarts == 3 and health.lost == 0
    assert store.cursor("out") == 40 and len(receiver.points) > 20


@pytest.mark.parametrize("partial", [False, True])
def test_a_point_that_is_refused_is_found_by_halving_and_the_others_arrive(
    store: Historian, fill: Any, deliver: Any, receiver: Receiver, partial: bool
) -> None:
    fill(200)
    response = ExportMetricsServiceResponse()
    response.partial_success.rejected_data_points = 1
    response.partial_success.error_message = "no"
    refusal = (200, response.SerializeToString(), "application/x-protobuf") if partial else (400, b"bad point", "text/plain")
    receiver.script = lambda n, seqs: refusal if 77 in seqs else FINE
    health = deliver({"type": "otlp", "url": receiver.url})
    assert [row[0] for row in store.reader.all("SELECT seq FROM refused")] == [77]
    assert health.lost == 1 and 77 not in receiver.points and {76, 79} <= set(receiver.points)
    assert receiver.requests <= 20
