"""Lists the variables of an OPC UA server, as a configuration to start from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from asyncua import Client, ua

KINDS = {"Boolean": "bool", "String": "text", "LocalizedText": "text", "DateTime": "text", "Guid": "text"}
WHOLE = re.compile(r"(S?Byte|U?Int(16|32|64))")


@dataclass(frozen=True)
class Variable:
    """One variable; ``path`` has aliases ns1, ns2 … for namespaces."""

    path: str
    kind: str
    value: str


async def browse(url: str, start: str, most: int, timeout: float) -> tuple[dict[str, str], list[Variable]]:
    """Aliases of namespaces, and up to ``most`` variables below ``start`` ("/Objects"), without the server's own (namespace 0)."""
    client = Client(url, timeout=timeout)
    await client.connect(auto_reconnect=False)
    try:
        namespaces = await client.get_namespace_array()
        aliases = {f"ns{i}": uri for i, uri in enumerate(namespaces) if i > 0}
        node = client.get_node(ua.NodeId(ua.ObjectIds.RootFolder))
        for part in start.strip("/").split("/"):
            node = await node.get_child(part)
        found: list[Variable] = []
        waiting, seen = [("/" + start.strip("/"), node)], set()
        while waiting and len(found) < most:
            path, node = waiting.pop(0)
            for child in await node.get_children_descriptions(refs=ua.ObjectIds.HierarchicalReferences):
                if child.NodeId in seen or child.BrowseName.NamespaceIndex == 0:
                    continue
                seen.add(child.NodeId)
                below = f"{path}/ns{child.BrowseName.NamespaceIndex}:{child.BrowseName.Name}"
                if child.NodeClass == ua.NodeClass.Variable:
                    found.append(await _variable(client, child.NodeId, below))
                waiting.append((below, client.get_node(child.NodeId)))
        used = {part.split(":")[0] for one in found for part in one.path.split("/") if ":" in part}
        return {alias: uri for alias, uri in aliases.items() if alias in used}, found[:most]
    finally:
        await client.disconnect()


async def _variable(client: Client, node: ua.NodeId, path: str) -> Variable:
    try:
        value = (await client.get_node(node).read_data_value(raise_on_bad_status=False)).Value
    except ua.UaError:
        return Variable(path, "float", "")
    name = value.VariantType.name if value is not None else ""
    kind = KINDS.get(name, "int" if WHOLE.fullmatch(name) else "float")
    return Variable(path, kind, str(value.Value)[:40] if value is not None else "")


def as_configuration(url: str, aliases: dict[str, str], variables: list[Variable]) -> str:
    """A source with every variable as a tag, named after its path."""
    listed = ", ".join(f'{alias} = "{uri}"' for alias, uri in aliases.items())
    lines = ["[[source]]", 'name = "opcua"', 'type = "opcua"', f'url = "{url}"', f"namespaces = {{ {listed} }}"]
    names: set[str] = set()
    for one in variables:
        parts = [re.sub(r"[\\s/\\\\*?\\[\\]\"]", "_", part.split(":", 1)[-1]) for part in one.path.strip("/").split("/")[1:]]
        name = ".".join(parts)
        while name in names:
            name += "_"
        names.add(name)
        lines += ["", "  [[source.tag]]", f'  name = "{name}"', f'  path = "{one.path}"', f'  kind = "{one.kind}"   # {one.value!r}']
    return "\n".join(lines) + "\n"
