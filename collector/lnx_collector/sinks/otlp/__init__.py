"""type = "otlp": samples as OTLP metrics (HTTP, protobuf, gzip) to any OpenTelemetry receiver.

Each tag is a gauge of its name and unit; each sample a data point with its best known time and the attributes `lnx.seq` ("stream:seq",
the same when a batch comes twice) and `lnx.quality`. Bad samples become points with the flag "no recorded value"; texts have no place in
a metric and are left out.

Success is status 200 with an answer that can be parsed and refuses nothing; 429, 502, 503, 504, 408, 500 and anything that is no such
answer (a captive portal says 200 too) is tried again; 400 is a refusal of the batch, which is then halved.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import aiohttp
from google.protobuf.message import DecodeError
from lnx_common.config import Seconds
from lnx_common.errors import PlantError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest, ExportMetricsServiceResponse
from opentelemetry.proto.metrics.v1.metrics_pb2 import DataPointFlags
from pydantic import Field

from lnx_collector import quality as q
from lnx_collector.contract import BatchRefusedError, Row, SinkContext, SinkKind, SinkSettings

REFUSED = (400, 413, 422)
NO_VALUE = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK


class OtlpSettings(SinkSettings):
    """type = "otlp"."""

    type: Literal["otlp"]
    url: str = Field(pattern=r"^https?://\S+$")
    """Whole address: "https://host:4318/v1/metrics"."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every request."""
    token_file: Path | None = None
    """File with a bearer token: secrets do not belong into a configuration."""
    timeout: Seconds = Field(30.0, gt=0)
    """For one request."""


class OtlpSink:
    """One HTTP session."""

    def __init__(self, settings: OtlpSettings, context: SinkContext) -> None:
        self._settings = settings
        self._stream = context.stream
        self._session: aiohttp.ClientSession | None = None

    async def deliver(self, rows: Sequence[Row]) -> None:
        request = self.request(rows)
        if not request.resource_metrics[0].scope_metrics[0].metrics:
            return
        status, answer, kind = await self._post(gzip.compress(request.SerializeToString(), 6, mtime=0))
        if status in REFUSED:
            raise BatchRefusedError(f"HTTP {status} {answer[:200].decode('utf-8', 'replace')}")
        if status != 200:
            raise PlantError(706, where=self._settings.url, found=f"HTTP {status}", expected="HTTP 200")
        refused = self._refused(answer, kind)
        if refused:
            raise BatchRefusedError(refused)

    def request(self, rows: Sequence[Row]) -> ExportMetricsServiceRequest:
        """The rows as one request; gauges in the order in which their tags appear."""
        request = ExportMetricsServiceRequest()
        resource = request.resource_metrics.add()
        for key, text in (("service.name", "lnx-collector"), ("service.instance.id", self._stream)):
            attribute = resource.resource.attributes.add()
            attribute.key, attribute.value.string_value = key, text
        scope = resource.scope_metrics.add()
        scope.scope.name = "lnx_collector"
        gauges: dict[str, int] = {}
        for row in rows:
            value = row.sample.value
            if isinstance(value, str):
                continue
            if row.tag.name not in gauges:
                gauges[row.tag.name] = len(scope.metrics)
                metric = scope.metrics.add()
                metric.name, metric.unit, metric.description = row.tag.name, row.tag.unit, row.tag.description
            point = scope.metrics[gauges[row.tag.name]].gauge.data_points.add()
            point.time_unix_nano = max(0, row.sample.time)
            if value is None:
                point.flags = NO_VALUE
            elif isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
                point.as_double = float(value)
            else:
                point.as_int = value
            seq, code = point.attributes.add(), point.attributes.add()
            seq.key, seq.value.string_value = "lnx.seq", f"{self._stream}:{row.seq}"
            code.key, code.value.string_value = "lnx.quality", q.name(row.sample.quality)
        return request

    async def _post(self, body: bytes) -> tuple[int, bytes, str]:
        headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip", **self._settings.headers}
        try:
            if self._settings.token_file is not None:
                headers["Authorization"] = f"Bearer {self._settings.token_file.read_text(encoding='utf-8').strip()}"
            if self._session is None:
                self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._settings.timeout))
            async with self._session.post(self._settings.url, data=body, headers=headers, allow_redirects=False) as answer:
                return answer.status, await answer.content.read(65536), answer.content_type
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise PlantError(706, where=self._settings.url, found=str(error) or type(error).__name__) from error

    def _refused(self, answer: bytes, kind: str) -> str:
        """Why some points were refused; empty when none was. Raises PlantError 706 for what is no answer of a receiver."""
        response = ExportMetricsServiceResponse()
        try:
            response.ParseFromString(answer)
        except DecodeError as error:
            raise PlantError(
                706, where=self._settings.url, found=f"an answer of type {kind}", expected="ExportMetricsServiceResponse"
            ) from error
        if answer and kind != "application/x-protobuf":
            raise PlantError(706, where=self._settings.url, found=f"an answer of type {kind}", expected="application/x-protobuf")
        count = response.partial_success.rejected_data_points
        return f"{count} points refused: {response.partial_success.error_message}" if count else ""

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


KIND = SinkKind(OtlpSettings, OtlpSink, Path(__file__).with_name("sample.toml"))
