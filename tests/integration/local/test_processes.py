"""Servers of the local runner start, stop, freeze, and never outlive the one who started them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local import Postgres, Redis, Service, ServiceFailed, free_port, processes, wait_for
from deploy.local.processes import accepts, ask, children_of

#: Starts a service whose child ignores every polite signal, says so, and waits.
PARENT = """
import sys, time
from pathlib import Path
from deploy.local import Service
script = "trap '' TERM INT HUP; sleep 300 & echo $! > {folder}/child; wait; sleep 300"
service = Service("stubborn", Path("{folder}"), ["sh", "-c", script], ready=Path("{folder}/child").exists)
service.start()
print(service.pid, flush=True)
time.sleep(300)
"""


def alive(pid: int) -> bool:
    """Does the process run? A zombie doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_a_server_forks_while_it_is_frozen_stands_still_too(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = f"touch {ready}; while :; do sleep 60 & sleep 0.002; done"
    with Service("forking", tmp_path, ["sh", "-c", script], ready=ready.exists) as server:
        for _ in range(20):
            server.freeze()
            states = [
                Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in children_of(server.pid)
            ]
            assert set(states) <= {"T", "Z", "D"}
            server.thaw()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_process_survives_the_one_who_started_it(tmp_path: Path, number: signal.Signals) -> None:
    script = PARENT.replace("{folder}", str(tmp_path))
    # Whoever starts the tests in the background has what they start ignore ctrl-C (POSIX, "Lists").
    command = ["env", "--default-signal=INT", sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        service = int(parent.stdout.readline())
        family = [service, *children_of(service)]
        assert len(family) == 2
        parent.send_signal(number)
    wait_for(lambda: not any(map(alive, family)), 5, "the family's end")


def test_a_frozen_redis_answers_again_after_it_is_thawed(tmp_path: Path) -> None:
    with Redis(tmp_path) as server:
        server.freeze()
        assert ask(server.port, b"PING\r\n") == b""
        server.thaw()
        assert ask(server.port, b"PING\r\n") == b"+PONG\r\n"


@pytest.mark.parametrize("persistent", [True, False])
def test_a_persistent_redis_remembers_after_a_restart(tmp_path: Path, persistent: bool) -> None:
    with Redis(tmp_path, persistent=persistent) as server:
        assert ask(server.port, b"SET name value\r\n") == b"+OK\r\n"
        server.restart()
        assert (b"value" in ask(server.port, b"GET name\r\n")) is persistent


def test_a_redis_follows_another(tmp_path: Path) -> None:
    with Redis(tmp_path) as primary, Redis(tmp_path, name="replica", replica_of=primary) as replica:
        assert ask(primary.port, b"SET name value\r\n") == b"+OK\r\n"
        wait_for(lambda: b"value" in ask(replica.port, b"GET name\r\n"), 10, "replication")


def test_a_killed_postgres_keeps_its_databases(tmp_path: Path) -> None:
    with Postgres(tmp_path, durable=True) as server:
        server.create_database("kept")
        server.kill()
        assert not accepts(server.port)
        server.start()
        with pytest.raises(subprocess.CalledProcessError):
            server.create_database("kept")


def test_a_service_that_ends_at_once_says_why(tmp_path: Path) -> None:
    service = Service("broken", tmp_path, ["sh", "-c", "echo the reason; exit 3"], ready=lambda: False)
    with pytest.raises(ServiceFailed, match="the reason"):
        service.start()


def test_a_service_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    service = Service("silent", tmp_path, ["sleep", "300"], ready=lambda: False)
    with pytest.raises(ServiceFailed, match="silent to be ready"):
        service.start(seconds=0.2)
    assert not service.running


def test_ports_are_not_given_twice() -> None:
    assert len({free_port() for _ in range(50)}) == 50


TEN_PORTS = "from deploy.local import processes; processes.PORTS = range({first}, {first} + 10)"
TAKES_FIVE = "; print(*(processes.free_port() for _ in range(5)), flush=True); input()"


def test_no_two_processes_are_given_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before either has a server that listens on it. Of ports that no other test is given, listened on or not."""
    first = next(port for port in range(61_000, 65_000, 10) if not any(map(accepts, range(port, port + 10))))
    assert not set(range(61_000, 65_000)) & set(processes.PORTS)
    script = TEN_PORTS.format(first=first) + TAKES_FIVE
    monkeypatch.setattr(processes, "PORTS", range(first, first + 10))
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin
        assert other.stdout
        theirs = set(map(int, other.stdout.readline().split()))
        assert len(theirs) == 5
        assert not theirs & {free_port() for _ in range(5)}
        other.stdin.write("\n")
