-- The columns that the Collector's ClickHouse exporter fills, and a table that holds each record once.
CREATE DATABASE IF NOT EXISTS lnx;

CREATE TABLE IF NOT EXISTS lnx.otel_logs (
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String, SpanId String, TraceFlags UInt8,
    SeverityText LowCardinality(String), SeverityNumber UInt8,
    ServiceName LowCardinality(String), Body String,
    ResourceSchemaUrl LowCardinality(String), ResourceAttributes Map(LowCardinality(String), String),
    ScopeSchemaUrl LowCardinality(String), ScopeName String, ScopeVersion LowCardinality(String),
    ScopeAttributes Map(LowCardinality(String), String),
    LogAttributes Map(LowCardinality(String), String), EventName LowCardinality(String),
    Stream String MATERIALIZED splitByChar(':', LogAttributes['log.record.uid'])[1],
    Seq UInt64 MATERIALIZED toUInt64OrZero(splitByChar(':', LogAttributes['log.record.uid'])[2])
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(Timestamp)
ORDER BY (Stream, Seq)
TTL toDateTime(Timestamp) + INTERVAL 5 YEAR;

-- Numbers that never came, per stream: an empty answer is what you want. Those that an agent.loss or agent.dead_letter declares are
-- accounted for; the others the agent still has, or somebody deleted them here.
CREATE VIEW IF NOT EXISTS lnx.holes AS
SELECT Stream, Seq + 1 AS first_missing, next - 1 AS last_missing
FROM (
    SELECT Stream, Seq, leadInFrame(Seq) OVER (PARTITION BY Stream ORDER BY Seq ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next
    FROM (SELECT DISTINCT Stream, toInt64(Seq) AS Seq FROM lnx.otel_logs UNION DISTINCT SELECT DISTINCT Stream, toInt64(-1) FROM lnx.otel_logs)
)
WHERE next > Seq + 1;
