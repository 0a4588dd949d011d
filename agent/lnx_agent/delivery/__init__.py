"""Delivery over OTLP/HTTP: our own sender, because "sent" has to mean that the receiver said so."""
