"""Where samples go: one folder per kind."""

SINKS: dict[str, str] = {}
