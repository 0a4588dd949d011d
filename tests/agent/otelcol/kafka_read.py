"""Prints every message of a Kafka topic, base64, one per line, until none has come for two seconds: python kafka_read.py SERVER TOPIC."""

from __future__ import annotations

import base64
import sys

from confluent_kafka import Consumer

settings = {"bootstrap.servers": sys.argv[1], "group.id": "reader", "auto.offset.reset": "earliest", "enable.auto.commit": False}
consumer = Consumer(settings)
consumer.subscribe([sys.argv[2]])
waited = 0
while waited < 10 or (waited < 60 and not consumer.assignment()):
    message = consumer.poll(0.2)
    if message is None:
        waited += 1
    elif message.error() is None:
        waited = 0
        print(base64.b64encode(message.value()).decode(), flush=True)
consumer.close()
