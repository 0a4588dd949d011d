"""Prints every message that a Kafka topic holds now, base64, one per line: python kafka_read.py SERVER TOPIC."""

from __future__ import annotations

import base64
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

WAIT_S = 60.0
settings = {"bootstrap.servers": sys.argv[1], "group.id": "reader", "enable.auto.commit": False, "enable.partition.eof": True}
consumer = Consumer(settings)
left = set(consumer.list_topics(sys.argv[2], timeout=WAIT_S).topics[sys.argv[2]].partitions)
consumer.assign([TopicPartition(sys.argv[2], number, OFFSET_BEGINNING) for number in left])
while left and (message := consumer.poll(WAIT_S)) is not None:
    error = message.error()
    if error is None:
        print(base64.b64encode(message.value()).decode(), flush=True)
    elif error.code() == KafkaError._PARTITION_EOF:
        left.discard(message.partition())
consumer.close()
