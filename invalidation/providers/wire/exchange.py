"""Sends requests and brings as many answers in their order, pipelined over one connection where there are several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from invalidation.providers.wire.answer import Answer
from invalidation.providers.wire.connection import Connection
from invalidation.providers.wire.deadline import Deadline
from invalidation.providers.wire.faults import Broken, Malformed
from invalidation.providers.wire.parsing import read
from invalidation.providers.wire.pool import Pool
from invalidation.providers.wire.request import Request

#: Requests under way. So few bytes always fit into the buffers of both systems: no write waits for a reader that waits
#: for us to read.
MOST_FLYING = 128
MOST_FLYING_BYTES = 32_768


@dataclass(slots=True)
class Exchange:
    """Requests with their bytes, and the answers that have come."""

    requests: Sequence[Request]
    encoded: Sequence[bytes] = field(repr=False)
    limit: int
    """Most bytes of a body."""

    answers: list[Answer] = field(default_factory=list)

    def run(self, pool: Pool, deadline: Deadline) -> list[Answer]:
        """All answers.

        A server may end a connection after any answer (Nginx does after keepalive_requests): what it has not answered
        is asked again over a new one, as long as each brings an answer at least. So is all of it where a kept
        connection had ended before it was used. Nothing else is tried twice.

        Raises:
            Fault: the first that no new connection mends.
        """
        connection = pool.kept(deadline) or pool.opened(deadline)
        while True:
            before = len(self.answers)
            try:
                if self._over(connection):
                    pool.keep(connection)
                else:
                    connection.close()
            except Broken:
                connection.close()
                if not self._may_go_on(connection, before):
                    raise
            except BaseException:
                connection.close()
                raise
            if len(self.answers) == len(self.requests):
                return self.answers
            connection = pool.opened(deadline)

    def _may_go_on(self, connection: Connection, before: int) -> bool:
        progressed = len(self.answers) > before
        stale = not connection.is_fresh and not connection.stream.waiting and not progressed
        return (progressed or stale) and all(request.is_repeatable for request in self.requests[len(self.answers) :])

    def _over(self, connection: Connection) -> bool:
        """Ask what is left over this connection; false where it can't be used again."""
        sent = len(self.answers)
        flying = 0
        while len(self.answers) < len(self.requests):
            if 2 * flying <= MOST_FLYING_BYTES and 2 * (sent - len(self.answers)) <= MOST_FLYING:
                sent, flying = self._sent(connection, sent, flying)
            answered = len(self.answers)
            answer = read(connection.stream, self.requests[answered].method, self.limit)
            flying -= len(self.encoded[answered])
            self.answers.append(answer)
            if answer.is_last:
                return False
        if connection.stream.waiting:
            raise Malformed("more answers came than were asked for")
        return True

    def _sent(self, connection: Connection, sent: int, flying: int) -> tuple[int, int]:
        """Send as many as may fly, one at least where none does."""
        first, answered = sent, len(self.answers)
        while sent < len(self.encoded) and sent - answered < MOST_FLYING:
            size = len(self.encoded[sent])
            if flying and flying + size > MOST_FLYING_BYTES:
                break
            sent, flying = sent + 1, flying + size
        if sent > first:
            connection.send(b"".join(self.encoded[first:sent]))
        return sent, flying
