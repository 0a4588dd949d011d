"""Where samples come from: one folder per kind. The table says which module a `type` in the configuration means."""

SOURCES: dict[str, str] = {}
