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

-- Holes of a stream (an empty answer is what you want): numbers that are neither here nor declared by agent.loss or agent.dead_letter.
-- SELECT Stream, Seq + 1 AS first_missing FROM lnx.otel_logs FINAL
-- WHERE (Stream, Seq + 1) NOT IN (SELECT Stream, Seq FROM lnx.otel_logs) AND Seq < (SELECT max(Seq) FROM lnx.otel_logs l WHERE l.Stream = Stream);
