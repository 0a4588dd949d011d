"""What changes samples between source and historian: one file per kind."""

STEPS: dict[str, str] = {}
