"""What changes samples between source and historian: one file per kind. Parameters of a step stand in the configuration, nowhere else."""

STEPS: dict[str, str] = {
    "scale": "lnx_collector.steps.scale",
    "deadband": "lnx_collector.steps.deadband",
    "limits": "lnx_collector.steps.limits",
    "watch": "lnx_collector.steps.watch",
    "resample": "lnx_collector.steps.resample",
    "unit": "lnx_collector.steps.units",
    "vibration": "lnx_collector.steps.vibration",
    "vibration-cycle": "lnx_collector.steps.vibration_cycle",
}
