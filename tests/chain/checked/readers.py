"""Visitors: processes that ask the outermost tier for pages as fast as they can, and note what each answer shows."""

from __future__ import annotations

import http.client
import multiprocessing
import pickle
import random
import re
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chain.checked.judge import Read

MENTION = re.compile(rb"(?:title|body)-(\d+)-v(\d+)")
STATUS_HEADER, SEQUENCE_HEADER = "CF-Cache-Status", "X-Cache-Sequence"


@dataclass
class Notes:
    """What one visitor saw: four numbers per mention, which keeps a million of them small."""

    instants: array[float] = field(default_factory=lambda: array("d"))
    numbers: array[int] = field(default_factory=lambda: array("q"))
    answers: Counter[str] = field(default_factory=Counter)

    def add(self, asked_at: float, sequence: int, body: bytes) -> None:
        """Note each post once, as the oldest of its mentions."""
        oldest: dict[int, int] = {}
        for post, version in MENTION.findall(body):
            oldest[int(post)] = min(int(version), oldest.get(int(post), int(version)))
        for number, shown in oldest.items():
            self.instants.append(asked_at)
            self.numbers.extend((number, shown, sequence))

    def reads(self) -> list[Read]:
        """As the judge wants them."""
        numbers = iter(self.numbers)
        return [
            Read(instant, post, version, sequence)
            for instant, post, version, sequence in zip(self.instants, numbers, numbers, numbers, strict=False)
        ]


def visit(address: str, paths: Sequence[str], until: float, notes: Notes) -> None:
    """Ask until the clock says `until`; the first half of the paths is asked for more often."""
    connection = http.client.HTTPConnection(address, timeout=30)
    while time.time() < until:
        path = random.choice(paths)
        asked_at = time.time()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        except (http.client.HTTPException, OSError):
            notes.answers["failed"] += 1
            connection.close()
            continue
        notes.answers[f"{answer.status} {answer.headers.get(STATUS_HEADER, '')}".strip()] += 1
        if answer.status == http.client.OK:
            notes.add(asked_at, int(answer.headers.get(SEQUENCE_HEADER) or 0), body)


def _visitor(address: str, paths: Sequence[str], until: float, seed: int, file: Path) -> None:
    random.seed(seed)
    notes = Notes()
    visit(address, paths, until, notes)
    file.write_bytes(pickle.dumps(notes))


class Visitors:
    """Some processes of them, forked before anything else has threads; `join` gives their notes."""

    def __init__(self, folder: Path, address: str, paths: Sequence[str], until: float, count: int) -> None:
        context = multiprocessing.get_context("fork")
        self.files = [folder / f"visitor-{number}.notes" for number in range(count)]
        self.processes = [
            context.Process(target=_visitor, args=(address, paths, until, number, file), daemon=True)
            for number, file in enumerate(self.files)
        ]
        for process in self.processes:
            process.start()

    def join(self) -> list[Notes]:
        """Wait for their end."""
        for process in self.processes:
            process.join()
        return [pickle.loads(file.read_bytes()) for file in self.files]
