"""Requests of one call go out together: what comes back is held against each of them, and what ends early is mended."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest

from deploy.local import Nginx as NginxServer
from deploy.local import Varnish as VarnishServer
from invalidation.exceptions import RejectedError, TransientError, Unproven
from invalidation.providers.http import Node
from invalidation.providers.varnish import Varnish
from tests.fixtures.servers import SECRET
from tests.providers.subjects import ProxySubject
from tests.stand_ins.hostile import VARNISH_PURGED, Behaviour, Hostile, Peer
from tests.stand_ins.visitor import warm

URLS = [f"http://site.test/{number}/" for number in range(100)]
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def purge(behave: Behaviour, urls: list[str] = URLS) -> tuple[Hostile, int | None]:
    """What Varnish' provider makes of a server that behaves so: the server, and the copies removed."""
    with Hostile(behave) as server:
        provider = Varnish("varnish", server.url, {"SECRET": SECRET, "TIMEOUT_SECONDS": 5})
        return server, provider.purge_urls(urls).removed


def answers(peer: Peer, most: int = 1_000_000) -> None:
    """As it should, so many times."""
    for number, _ in enumerate(peer.requests(), start=1):
        peer.send(VARNISH_PURGED)
        if number == most:
            return


def test_every_page_of_a_call_is_purged_over_one_connection() -> None:
    server, removed = purge(answers)
    assert (server.connections, removed) == (1, 100)


def test_what_a_server_did_not_answer_before_it_closed_is_asked_again() -> None:
    server, removed = purge(lambda peer: answers(peer, 30))
    assert (server.connections, removed) == (4, 100)


def test_a_reset_in_the_middle_is_mended_where_the_purge_got_ahead() -> None:
    def resets_once(peer: Peer) -> None:
        answers(peer, 7 if peer.number == 0 else 1_000)
        peer.reset()

    server, removed = purge(resets_once)
    assert removed == 100
    assert server.connections > 1


def test_a_server_that_closes_without_an_answer_is_not_asked_for_ever() -> None:
    def hangs_up(peer: Peer) -> None:
        peer.request()
        peer.reset()

    with Hostile(hangs_up) as server:
        provider = Varnish("varnish", server.url, {"SECRET": SECRET, "TIMEOUT_SECONDS": 5})
        with pytest.raises(TransientError, match="can't be reached"):
            provider.purge_urls(URLS)
        assert server.connections == 1


def test_a_call_of_which_one_answer_lacks_its_proof_has_proved_nothing() -> None:
    def lies_once(peer: Peer) -> None:
        for number, _ in enumerate(peer.requests()):
            peer.send(PAGE if number == 57 else VARNISH_PURGED)

    with pytest.raises(Unproven, match="X-Purged-By"):
        purge(lies_once)


def test_more_answers_than_requests_prove_nothing() -> None:
    def answers_twice(peer: Peer) -> None:
        peer.request()
        peer.send(VARNISH_PURGED + VARNISH_PURGED)
        peer.over.wait()

    with pytest.raises(Unproven, match="more answers"):
        purge(answers_twice, URLS[:1])


def test_an_answer_that_comes_unasked_is_given_to_no_later_request() -> None:
    asked, spoken = threading.Event(), threading.Event()

    def speaks_unasked(peer: Peer) -> None:
        for _ in peer.requests():
            peer.send(PAGE)
            if peer.number == 0:
                asked.wait(10)
                peer.send(VARNISH_PURGED)
                spoken.set()

    with Hostile(speaks_unasked) as server:
        node = Node("tier", server.url, 5)
        node.send("GET", "/", {})
        asked.set()
        assert spoken.wait(10)
        assert node.send("GET", "/", {}).text == "ok"
        assert server.connections == 2
        node.close()


def test_a_kept_connection_that_was_closed_meanwhile_costs_no_attempt() -> None:
    with Hostile(lambda peer: answers(peer, 1)) as server:
        provider = Varnish("varnish", server.url, {"SECRET": SECRET})
        assert [provider.purge_urls(URLS[:1]).removed for _ in range(5)] == [1] * 5
        assert server.connections == 5


def test_a_request_that_may_not_be_repeated_is_sent_once() -> None:
    asked: list[bytes] = []

    def closes_on_the_second(peer: Peer) -> None:
        asked.append(peer.request())
        peer.send(PAGE)
        asked.append(peer.request())
        peer.reset()

    with Hostile(closes_on_the_second) as server:
        node = Node("tier", server.url, 5)
        node.send("POST", "/", {})
        with pytest.raises(TransientError):
            node.send("POST", "/", {})
        assert (len(asked), server.connections) == (2, 1)


@pytest.mark.parametrize("header", ["a\r\nX-Purge-Secret: x", "a\nb", "a\0b"])
def test_a_header_that_would_become_two_is_not_sent(header: str) -> None:
    with pytest.raises(RejectedError):
        Node("tier", "http://127.0.0.1:9", 5).send("GET", "/", {"X": header})


def test_threads_share_a_node_and_each_gets_its_own_answers() -> None:
    def echoes(peer: Peer) -> None:
        for head in peer.requests():
            target = head.split()[1]
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(target), target))

    wrong: list[str] = []

    def ask(node: Node, thread: int) -> None:
        for number in range(100):
            target = f"/{thread}/{number}"
            if (text := node.send("GET", target, {}).text) != target:
                wrong.append(f"{target} got {text}")

    with Hostile(echoes) as server:
        node = Node("tier", server.url, 20)
        threads = [threading.Thread(target=ask, args=(node, number)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        node.close()
        assert not wrong
        assert server.connections <= 8


def test_a_forked_process_opens_connections_of_its_own() -> None:
    def serves(peer: Peer) -> None:
        for _ in peer.requests():
            peer.send(PAGE)

    with Hostile(serves) as server:
        node = Node("tier", server.url, 5)
        node.send("GET", "/", {})
        child = os.fork()
        if child == 0:
            os._exit(0 if node.send("GET", "/", {}).text == "ok" else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert node.send("GET", "/", {}).text == "ok"
        assert server.connections == 2
        node.close()


def test_a_thousand_pages_of_a_real_proxy_are_purged_call_by_call(proxy: ProxySubject, site: str) -> None:
    provider: Any = proxy.provider()
    kept = [f"{site}/{number}/" for number in (0, 999)]
    for url in kept:
        warm(proxy.server, url)
    urls = [f"{site}/{number}/" for number in range(1_500)]
    size = provider.max_urls_per_call
    removed = [provider.purge_urls(urls[first : first + size]).removed for first in range(0, len(urls), size)]
    assert sum(removed) == 2
    assert isinstance(proxy.server, VarnishServer | NginxServer)
