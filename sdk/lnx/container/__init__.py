"""Writing, reading and checking ``.lnx`` containers, and the keys that they need.

The format is described in ``docs/reference/container.md``. Reading models for inference is the core's work; the reader here is plain
and serves tools and tests.
"""

from lnx.container.keys import (
    FamilyKey,
    key_id,
    load_family_keys,
    load_public_key,
    load_signing_key,
    new_container_key,
    new_family_key,
    new_recording_key,
)
from lnx.container.reader import Container, inspect_container, read_container, verify_container
from lnx.container.writer import FamilyRecipient, OpenRecipient, P256Recipient, PublicInfo, Recipient, write_container

__all__ = [
    "Container",
    "FamilyKey",
    "FamilyRecipient",
    "OpenRecipient",
    "P256Recipient",
    "PublicInfo",
    "Recipient",
    "inspect_container",
    "key_id",
    "load_family_keys",
    "load_public_key",
    "load_signing_key",
    "new_container_key",
    "new_family_key",
    "new_recording_key",
    "read_container",
    "verify_container",
    "write_container",
]
