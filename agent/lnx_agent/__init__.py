"""The agent: the system log, delivered upstream and provably complete."""
