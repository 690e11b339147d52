"""Commands over redis-py's connections without its client around them, which costs a request five times as much.

For what a web process asks at every page and commit (decision 53). Connecting, passwords, TLS,
timeouts and errors are those of redis-py.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary, finalize

import redis
from redis.exceptions import NoScriptError, ResponseError

Word = str | int


class Script:
    """A script, and the digest under which a server knows it."""

    __slots__ = ("digest", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self.digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


def ask(client: redis.Redis, *command: Word) -> Any:
    """The server's answer, as the client decodes it: one round trip, on a connection that nobody else uses meanwhile.

    To be asked what may be asked twice: a server that was restarted has closed what was kept, and is asked again.
    The connection goes back only with its answer read, so that no other caller can be given it.

    Raises:
        redis.RedisError, OSError: as the client would raise.
    """
    kept = _kept(client)
    try:
        connection = kept.pop()
    except IndexError:
        return _asked(_new(client), kept, command)
    try:
        return _asked(connection, kept, command)
    except redis.ConnectionError:
        kept.clear()
        return _asked(_new(client), kept, command)


def run(client: redis.Redis, script: Script, keys: Sequence[Word], arguments: Sequence[Word]) -> Any:
    """What a script returns: sent by its digest, and whole to a server that doesn't know it."""
    try:
        return ask(client, "EVALSHA", script.digest, len(keys), *keys, *arguments)
    except NoScriptError:
        return ask(client, "EVAL", script.source, len(keys), *keys, *arguments)


def _new(client: redis.Redis) -> Any:
    """Beside those of the client's pool, which counts its own."""
    pool = client.connection_pool
    return pool.connection_class(**pool.connection_kwargs)


def _asked(connection: Any, kept: deque[Any], command: Sequence[Word]) -> Any:
    try:
        connection.send_command(*command, check_health=False)
        answer = connection.read_response()
    except ResponseError:  # an answer too
        kept.append(connection)
        raise
    except BaseException:
        connection.disconnect()
        raise
    kept.append(connection)
    return answer


def _kept(client: redis.Redis) -> deque[Any]:
    """Connections of this client that wait for work, the last used last: as many as ever worked at once."""
    known = _all.get(client)
    if known is not None:
        return known
    kept = _all.setdefault(client, deque())
    finalize(client, _close, kept)
    return kept


def _close(kept: deque[Any]) -> None:
    """Left to the garbage collector, a socket may be found before the connection that would have closed it."""
    while kept:
        kept.pop().disconnect()


def _close_all() -> None:
    for kept in _all.values():
        _close(kept)


#: Adding to a deque and taking from it need no lock (collections.deque, "thread-safe").
_all: WeakKeyDictionary[redis.Redis, deque[Any]] = WeakKeyDictionary()
# A child must not speak where its parent does; redis-py closes its copy of the socket and leaves the parent's open.
os.register_at_fork(after_in_child=_close_all)
