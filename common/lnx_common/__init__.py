"""What the collector and the agent both need: configuration with good errors, the durable log, clocks, services."""
