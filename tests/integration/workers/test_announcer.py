"""Announcing costs the request nothing: one thread, which merges, survives what goes wrong, and is flushed at exit."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from pytest_celery import CeleryTestSetup

from invalidation.contrib.celery.announcing.announcer import MAX_NAMED, Announcer, Word
from invalidation.contrib.celery.host import application
from tests.fixtures.servers import ROOT
from tests.integration.workers.nodes import LocalRedis, LocalWorker
from tests.integration.workers.site import Site

PATIENCE = 10.0


def word(*uids: str, lane: str = "editorial", database: str = "default") -> Word:
    return Word(database, uids, lane, "request")


class Gate:
    """Sends nothing before it is opened."""

    def __init__(self) -> None:
        self.sent: list[Word] = []
        self.asked, self.opened = Event(), Event()

    def send(self, word: Word) -> None:
        self.asked.set()
        assert self.opened.wait(PATIENCE)
        self.sent.append(word)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


def test_what_commits_during_a_message_is_merged_into_the_next(gate: Gate) -> None:
    announcer = Announcer(gate.send)
    announcer.leave(word("1"))
    assert gate.asked.wait(PATIENCE)
    announcer.leave(word("2"))
    announcer.leave(word("3", lane="takedown"))
    announcer.leave(word("4", database="other"))
    gate.opened.set()
    assert announcer.flush(PATIENCE)
    assert gate.sent == [word("1"), word("2", "3", lane="takedown"), word("4", database="other")]


def test_a_message_names_no_more_than_20_events(gate: Gate) -> None:
    announcer = Announcer(gate.send)
    for number in range(50):
        announcer.leave(word(str(number)))
    gate.opened.set()
    assert announcer.flush(PATIENCE)
    assert max(len(one.uids) for one in gate.sent) <= MAX_NAMED


def test_nobody_waits_for_a_broker_that_is_frozen_but_the_end_of_the_process_and_that_bounded(gate: Gate) -> None:
    announcer = Announcer(gate.send)
    announcer.leave(word("1"))
    assert gate.asked.wait(PATIENCE)
    announcer.leave(word("2"))
    assert not announcer.flush(0.05)
    assert gate.sent == []


def test_who_waits_for_what_was_left_before_does_not_wait_for_what_others_leave_meanwhile() -> None:
    over = Event()

    def send(sent: Word) -> None:
        if not over.is_set():
            announcer.leave(sent)  # somebody writes all the time

    announcer = Announcer(send)
    for database in ("default", "other"):
        announcer.leave(word("a", database=database))
    assert announcer.settle(5.0)
    over.set()


def test_a_message_that_fails_takes_no_other_with_it() -> None:
    sent: list[Word] = []

    def send(word: Word) -> None:
        if word.database == "broken":
            raise ZeroDivisionError
        sent.append(word)

    announcer = Announcer(send)
    announcer.leave(word("1", database="broken"))
    announcer.leave(word("2"))
    assert announcer.flush(PATIENCE)
    assert sent == [word("2")]


@pytest.mark.parametrize(("options", "within"), [({}, True), ({b"enable-threads": True}, False)])
def test_under_uwsgi_without_threads_a_message_is_sent_before_the_request_goes_on(
    monkeypatch: pytest.MonkeyPatch, options: dict[bytes, bool], within: bool
) -> None:
    uwsgi = types.ModuleType("uwsgi")
    uwsgi.opt = options  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "uwsgi", uwsgi)
    sent: list[Word] = []
    opened = Event()

    def send(word: Word) -> None:
        assert within or opened.wait(PATIENCE)
        sent.append(word)

    announcer = Announcer(send)
    announcer.leave(word("1"))
    assert bool(sent) is within
    opened.set()
    assert announcer.flush(PATIENCE)
    assert sent == [word("1")]


FORKING = """
import os, sys
from invalidation.contrib.celery.announcing.announcer import Process, Word

def send(word):
    with open(sys.argv[1], "a") as file:
        file.write(f"{' '.join(word.uids)}\\n")

def leave(uid):
    process.announcer.leave(Word("default", (uid,), "editorial", ""))

process = Process(send)
leave("before")
process.announcer.flush(10.0)
child = os.fork()
leave("child" if child == 0 else "parent")
if child:
    os.waitpid(child, 0)
"""


def test_a_process_that_ends_at_once_and_its_forked_child_leave_nothing_unsaid(tmp_path: Path) -> None:
    told = tmp_path / "told"
    subprocess.run([sys.executable, "-c", FORKING, str(told)], cwd=ROOT, check=True, timeout=60)
    assert sorted(told.read_text().split()) == ["before", "child", "parent"]


SLOW = """
import time
from invalidation.contrib.celery.announcing.announcer import Process, Word

def imports_celery_on_a_busy_machine(word):
    time.sleep(1.0)  # twice what a broker may take
    print("told", flush=True)

Process(imports_celery_on_a_busy_machine).announcer.leave(Word("default", ("one",), "editorial", ""))
"""


def test_a_process_that_ends_at_once_has_time_for_its_first_message() -> None:
    ended = subprocess.run([sys.executable, "-c", SLOW], cwd=ROOT, check=True, capture_output=True, timeout=60)
    assert ended.stdout == b"told\n"


def test_a_thread_of_a_web_server_announces_by_the_application_that_was_configured() -> None:
    found: list[str] = []
    thread = Thread(target=lambda: found.append(application().main or ""))
    thread.start()
    thread.join()
    assert found == ["workers"]


def test_with_the_broker_frozen_a_command_stores_its_event_and_ends(
    celery_setup: CeleryTestSetup, site: Site, default_worker_container: LocalWorker, default_redis_broker: LocalRedis
) -> None:
    default_worker_container.kill()
    default_redis_broker.service.freeze()
    try:
        assert site.purge("--key", "greeting", wait_seconds=0)["status"] == "pending"
    finally:
        default_redis_broker.service.thaw()
