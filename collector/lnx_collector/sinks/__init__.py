"""Where samples go: one folder per kind."""

SINKS: dict[str, str] = {
    "csv": "lnx_collector.sinks.csv",
    "mqtt": "lnx_collector.sinks.mqtt",
    "otlp": "lnx_collector.sinks.otlp",
    "postgresql": "lnx_collector.sinks.postgresql",
    "sparkplug": "lnx_collector.sinks.sparkplug",
}
