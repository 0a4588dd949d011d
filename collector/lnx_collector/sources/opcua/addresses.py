"""Finds the nodes of tags: by browse path, which survives new node ids, or by node id with the namespace's URI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asyncua import Client, ua

from lnx_collector.sources.opcua.settings import OpcuaTag

ROOT = ua.NodeId(ua.ObjectIds.RootFolder)


def indexes(namespaces: Sequence[str], aliases: Mapping[str, str]) -> dict[str, int]:
    """Alias -> index in the server's table of today; an alias whose URI the server does not have is left out."""
    return {alias: namespaces.index(uri) for alias, uri in aliases.items() if uri in namespaces}


def elements(path: str, known: Mapping[str, int]) -> list[ua.QualifiedName] | None:
    """The names along a path; None when an alias is not known to the server."""
    names = []
    for part in path.strip("/").split("/"):
        prefix, colon, name = part.partition(":")
        if not colon:
            names.append(ua.QualifiedName(part, 0))
        elif prefix in known:
            names.append(ua.QualifiedName(name, known[prefix]))
        elif prefix.isdigit():
            names.append(ua.QualifiedName(name, int(prefix)))
        else:
            return None
    return names


def node_id(text: str, known: Mapping[str, int]) -> ua.NodeId | None:
    """A node id from "ns=2;s=Temp" or "alias;s=Temp"; None when it cannot be one."""
    alias, _, rest = text.partition(";")
    if rest and "=" not in alias:
        if alias not in known:
            return None
        text = f"ns={known[alias]};{rest}"
    try:
        return ua.NodeId.from_string(text)
    except (ua.UaError, ValueError):
        return None


async def resolve(client: Client, tags: Sequence[OpcuaTag], aliases: Mapping[str, str], at_once: int) -> dict[str, ua.NodeId]:
    """Tag -> node id, for those that the server has. Nodes that are given by id are taken as they are."""
    known = indexes(await client.get_namespace_array(), aliases)
    found: dict[str, ua.NodeId] = {}
    asked: list[tuple[str, ua.RelativePath]] = []
    for tag in tags:
        if tag.node:
            by_id = node_id(tag.node, known)
            if by_id is not None:
                found[tag.name] = by_id
            continue
        names = elements(tag.path, known)
        if names is not None:
            steps = [
                ua.RelativePathElement(
                    ReferenceTypeId=ua.NodeId(ua.ObjectIds.HierarchicalReferences), IsInverse=False, IncludeSubtypes=True, TargetName=name
                )
                for name in names
            ]
            asked.append((tag.name, ua.RelativePath(steps)))
    for begin in range(0, len(asked), at_once):
        chunk = asked[begin : begin + at_once]
        for (name, _), result in zip(chunk, await client.translate_browsepaths(ROOT, [path for _, path in chunk]), strict=True):
            if result.StatusCode.is_good() and result.Targets:
                found[name] = result.Targets[0].TargetId
    return found
