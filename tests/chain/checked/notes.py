"""What the visitors saw: a few numbers for each answer, because there are millions."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.chain.checked.judge import Read
from tests.chain.checked.wire import Answer, Message

MENTION = re.compile(rb"(?:title|body)-(\d+)-v(\d+)")
SEQUENCE_HEADER, BUILT_HEADER = b"X-Cache-Sequence", b"X-Built"
#: From the outside in: the header by which a tier says that it answered from its store.
STORES = ((b"CF-Cache-Status", "edge"), (b"X-Cache-Status", "nginx"), (b"X-Cache-Behind", "varnish"))
#: What Varnish says to a visitor of its own, and to Nginx; the edge says the same under a name of its own.
VARNISH_HEADER = b"X-Cache"
STORED = {"HIT", "STALE", "UPDATING", "REVALIDATED"}
ORIGIN = "gunicorn"
#: Some pages of each path.
MOST_BODIES = 500

Mentions = tuple[tuple[int, int], ...]


def source(message: Message) -> str:
    """The outermost tier that had the answer in its store; gunicorn's where none had."""
    for header, tier in STORES:
        if message.header(header) in STORED:
            return tier
    at_edge = message.header(STORES[0][0])
    return "varnish" if not at_edge and message.header(VARNISH_HEADER) in STORED else ORIGIN


def mentions(body: bytes) -> Mentions:
    """Each post that an answer shows, once, as the oldest of its mentions."""
    oldest: dict[int, int] = {}
    for post, version in MENTION.findall(body):
        oldest[int(post)] = min(int(version), oldest.get(int(post), int(version)))
    return tuple(oldest.items())


class Words:
    """Numbers for values that come again and again."""

    def __init__(self) -> None:
        self.number: dict[object, int] = {}

    def __call__(self, value: object) -> int:
        """Its number, the same for equals."""
        return self.number.setdefault(value, len(self.number))

    def values(self) -> list[object]:
        """By their numbers."""
        return list(self.number)


@dataclass
class Notes:
    """What was seen; `words` stand for tiers, paths, bodies and what they were built from."""

    paths: Sequence[str]
    reads: int = 0
    instants: array[float] = field(default_factory=lambda: array("d"))
    numbers: array[int] = field(default_factory=lambda: array("q"))
    answers: Counter[str] = field(default_factory=Counter)
    by_source: Counter[str] = field(default_factory=Counter)
    sources: Words = field(default_factory=Words)
    seen: Words = field(default_factory=Words)
    built: Words = field(default_factory=Words)
    bodies: dict[bytes, Mentions] = field(default_factory=dict, repr=False)

    def add(self, asked: str, path: int, answer: Answer) -> None:
        """Note one answer of the tier that was asked."""
        message = answer.message
        self.answers[f"{asked} {message.status}"] += 1
        if message.status != 200:
            return
        tier, shown = source(message), self._mentions(message.body)
        self.by_source[tier] += 1
        self.reads += len(shown)
        self.instants.append(answer.asked_at)
        sequence = int(message.header(SEQUENCE_HEADER) or 0)
        built = self.built(message.header(BUILT_HEADER))
        self.numbers.extend((path, self.sources((asked, tier)), sequence, self.seen(shown), built))

    def _mentions(self, body: bytes) -> Mentions:
        """Copies are the same bytes again: most are looked up. Forgotten at times, to stay small."""
        if len(self.bodies) > MOST_BODIES:
            self.bodies.clear()
        found = self.bodies.get(body)
        if found is None:
            found = self.bodies[body] = mentions(body)
        return found

    def all(self) -> Iterator[Read]:
        """As the judge wants them."""
        sources, seen, built = self.sources.values(), self.seen.values(), self.built.values()
        numbers = iter(self.numbers)
        rows = zip(self.instants, numbers, numbers, numbers, numbers, numbers, strict=False)
        for instant, path, place, sequence, shown, origin in rows:
            asked, tier = sources[place]
            for post, version in seen[shown]:
                yield Read(instant, post, version, sequence, tier, asked, self.paths[path], built[origin])
