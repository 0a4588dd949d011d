"""Runs sources, steps, historian and sinks in one asyncio process, and keeps them running."""
