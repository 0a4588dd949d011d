"""A TCP connection within a bound, name and all.

The system's resolver cannot be told how long it may take, and with a name server that swallows everything it takes as long as it likes.
So names are asked for in a thread of their own, which nobody waits for longer than the bound; a question that is still open is not asked
a second time, so that a dead name server costs one thread per name, not one per try.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import Any

Addresses = Sequence[tuple[int, int, int, str, Any]]
"""As `socket.getaddrinfo` gives them."""

_open: dict[tuple[str, int], Future[Addresses]] = {}
_lock = threading.Lock()


def dial(host: str, port: int, seconds: float) -> socket.socket:
    """A connected socket. Raises OSError: gaierror for the name, TimeoutError when the time is over, else of the last address tried."""
    deadline = time.monotonic() + seconds
    failure: OSError = socket.gaierror(socket.EAI_NONAME, f"{host} has no address")
    for family, kind, protocol, _, address in resolve(host, port, seconds):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"no connection to {host} within {seconds:g} s")
        try:
            return _connected(socket.socket(family, kind, protocol), address, left)
        except OSError as error:
            failure = error
    raise failure


def _connected(channel: socket.socket, address: Any, seconds: float) -> socket.socket:
    try:
        channel.settimeout(seconds)
        channel.connect(address)
    except BaseException:
        channel.close()
        raise
    return channel


def resolve(host: str, port: int, seconds: float) -> Addresses:
    """Addresses of a name. Raises gaierror when there are none, or when the name server has not answered within ``seconds``."""
    if _is_number(host):
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    try:
        return _asked(host, port).result(seconds)
    except NotYet:
        raise socket.gaierror(socket.EAI_AGAIN, f"no name server answered within {seconds:g} s") from None


def _asked(host: str, port: int) -> Future[Addresses]:
    with _lock:
        answer = _open.get((host, port))
        if answer is None:
            answer = _open[host, port] = Future()
            threading.Thread(target=_ask, args=(host, port, answer), name=f"name {host}", daemon=True).start()
        return answer


def _ask(host: str, port: int, answer: Future[Addresses]) -> None:
    found: Addresses = ()
    failure: Exception | None = None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        failure = error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, str(error))
    with _lock:
        del _open[host, port]
    if failure is not None:
        answer.set_exception(failure)
    else:
        answer.set_result(found)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
