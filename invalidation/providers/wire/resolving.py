"""Addresses of a node's name. The system's resolver knows no deadline, so it runs in a thread that nobody joins."""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from contextlib import suppress
from typing import TypeAlias

from invalidation.providers.wire.deadline import Deadline
from invalidation.providers.wire.faults import TooLate

#: As socket.connect() takes it.
SocketAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
Found: TypeAlias = list[tuple[int, SocketAddress]]


def addresses(host: str, port: int, deadline: Deadline) -> Found:
    """Family and address of each, in the system's order.

    Raises:
        TooLate: the resolver has not answered by then.
        OSError: it knows no such name.
    """
    with suppress(ValueError):
        family = socket.AF_INET if ipaddress.ip_address(host).version == 4 else socket.AF_INET6  # noqa: PLR2004
        return [(family, (host, port))]
    answered: queue.SimpleQueue[Found | OSError] = queue.SimpleQueue()
    threading.Thread(target=_resolve, args=(host, port, answered), daemon=True).start()
    try:
        answer = answered.get(timeout=deadline.left_seconds())
    except queue.Empty:
        raise TooLate from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _resolve(host: str, port: int, answered: queue.SimpleQueue[Found | OSError]) -> None:
    try:
        resolved = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        answered.put([(family, address) for family, _, _, _, address in resolved])  # type: ignore[misc]
    except OSError as error:
        answered.put(error)
    except UnicodeError:
        answered.put(OSError("its name is none"))
