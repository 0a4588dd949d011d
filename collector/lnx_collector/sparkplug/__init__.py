"""Sparkplug B 3.0: topics and payloads, as the source (a host application) and the sink (an edge node) both need them."""
