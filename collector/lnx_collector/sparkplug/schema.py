"""The protobuf messages of Sparkplug B, as far as the collector reads or writes them.

They are described here by field numbers instead of generated code: data sets and metadata are left out, and protobuf carries such unknown
fields past us. The descriptors live in a pool of their own, so that another Sparkplug library in the same process does not collide.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

PACKAGE = "lnx.sparkplug"
SCALARS = {
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "float": FieldDescriptorProto.TYPE_FLOAT,
    "string": FieldDescriptorProto.TYPE_STRING,
    "uint32": FieldDescriptorProto.TYPE_UINT32,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
}
# message -> lines of (field, number, type); "*" marks a repeated field, "|" a member of the oneof `value`
MESSAGES: dict[str, tuple[tuple[str, int, str], ...]] = {
    "Payload": (("timestamp", 1, "uint64"), ("metrics", 2, "*Metric"), ("seq", 3, "uint64"), ("uuid", 4, "string"), ("body", 5, "bytes")),
    "Metric": (
        ("name", 1, "string"),
        ("alias", 2, "uint64"),
        ("timestamp", 3, "uint64"),
        ("datatype", 4, "uint32"),
        ("is_historical", 5, "bool"),
        ("is_null", 7, "bool"),
        ("properties", 9, "PropertySet"),
        ("int_value", 10, "|uint32"),
        ("long_value", 11, "|uint64"),
        ("float_value", 12, "|float"),
        ("double_value", 13, "|double"),
        ("boolean_value", 14, "|bool"),
        ("string_value", 15, "|string"),
        ("bytes_value", 16, "|bytes"),
        ("template_value", 18, "|Template"),
    ),
    "PropertySet": (("keys", 1, "*string"), ("values", 2, "*PropertyValue")),
    "PropertyValue": (
        ("type", 1, "uint32"),
        ("is_null", 2, "bool"),
        ("int_value", 3, "|uint32"),
        ("long_value", 4, "|uint64"),
        ("float_value", 5, "|float"),
        ("double_value", 6, "|double"),
        ("boolean_value", 7, "|bool"),
        ("string_value", 8, "|string"),
    ),
    "Template": (("metrics", 2, "*Metric"), ("template_ref", 4, "string"), ("is_definition", 5, "bool")),
}


def _message(name: str) -> DescriptorProto:
    message = DescriptorProto(name=name)
    for field, number, written in MESSAGES[name]:
        kind = written.lstrip("*|")
        label = FieldDescriptorProto.LABEL_REPEATED if written.startswith("*") else FieldDescriptorProto.LABEL_OPTIONAL
        added = message.field.add(name=field, number=number, label=label)
        if kind in SCALARS:
            added.type = SCALARS[kind]
        else:
            added.type = FieldDescriptorProto.TYPE_MESSAGE
            added.type_name = f".{PACKAGE}.{kind}"
        if written.startswith("|"):
            if not message.oneof_decl:
                message.oneof_decl.add(name="value")
            added.oneof_index = 0
    return message


def _payload() -> Any:
    file = FileDescriptorProto(name="lnx/sparkplug.proto", package=PACKAGE, syntax="proto2")
    file.message_type.extend(_message(name) for name in MESSAGES)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.Payload"))


Payload: Any = _payload()
"""The class of the message; a protobuf class like any generated one."""
