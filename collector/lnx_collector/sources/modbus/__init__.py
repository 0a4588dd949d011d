"""Modbus TCP and RTU: many tags in few requests, each device by itself."""
