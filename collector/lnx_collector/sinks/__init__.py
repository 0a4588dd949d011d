"""Where samples go: one folder per kind."""

SINKS: dict[str, str] = {
    "csv": "lnx_collector.sinks.csv",
    "mqtt": "lnx_collector.sinks.mqtt",
    "postgresql": "lnx_collector.sinks.postgresql",
}
