"""F31: a node that repeats our request tells nobody our secret, whole or in pieces, however it spells it."""

from __future__ import annotations

import base64
import html
import json
import re
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from invalidation.exceptions import DeliveryError
from invalidation.providers.answers.secrets import CONCEALED, PIECE_CHARACTERS, Secrets
from invalidation.providers.registry import provider
from tests.providers.test_deadlines import PROVIDERS, URL, made, purged
from tests.stand_ins.hostile import VARNISH_PURGED, Behaviour, Hostile, Peer

#: As a node may write what it repeats.
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "capitals": str.upper,
    "quoted": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "percents": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of more": lambda text: base64.b64encode(f"X: {text};".encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(f"a{text}b".encode()).decode(),
    "json": json.dumps,
    "json escapes": lambda text: "".join(f"\\u{ord(one):04x}" for one in text),
    "html": html.escape,
    "html entities": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "hex": lambda text: text.encode().hex(),
    "python": lambda text: repr(text.encode()),
    "a piece": lambda text: text[3 : 3 + PIECE_CHARACTERS + 2],
    "its end": lambda text: text[-PIECE_CHARACTERS:],
}
SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16, max_size=60)


def secret_of(asked: Any) -> list[str]:
    names = ("SECRET", "API_TOKEN", "API_KEY", "SECRET_ACCESS_KEY")
    return [str(asked.options[name]) for name in names if asked.options.get(name)]


def leaks(text: str, secret: str) -> set[str]:
    """Pieces of the secret that a reader of the text finds, who decodes whatever he can."""
    pieces = {secret[first : first + PIECE_CHARACTERS].lower() for first in range(len(secret) - PIECE_CHARACTERS + 1)}
    return {piece for reading in readings(text) for piece in pieces if piece in reading.lower()}


def readings(text: str) -> Iterator[str]:
    """What the text says as it stands, and once it is decoded."""
    yield text
    yield from (unquote(text), unquote_plus(text), html.unescape(text))
    yield re.sub(r"\\u([0-9a-f]{4})", lambda code: chr(int(code[1], 16)), text)
    for run in re.findall(r"[0-9A-Za-z+/_-]{8,}", text):
        yield from map(based, (run[first:] for first in range(4)))
    for run in re.findall(r"[0-9A-Fa-f]{8,}", text):
        yield from (bytes.fromhex(run[first : len(run) - (len(run) - first) % 2]).decode("latin-1") for first in (0, 1))


def based(run: str) -> str:
    """Base64 as far as it goes, from a place where a group may begin."""
    whole = run[: len(run) - len(run) % 4].replace("-", "+").replace("_", "/")
    return base64.b64decode(whole).decode("latin-1")


@pytest.mark.parametrize(
    "status", ["200 OK", "404 Not Found", "400 Bad Request", "403 Forbidden", "500 Oops", "429 Slow"]
)
@pytest.mark.parametrize("name", PROVIDERS)
def test_f31_a_node_that_echoes_the_request_tells_no_secret(name: str, status: str) -> None:
    def echoes(peer: Peer) -> None:
        for head in peer.requests():
            body = head + b"\r\n" + base64.b64encode(head) + json.dumps(head.decode()).encode()
            fields = b"X-Purged-By: %b\r\nX-Echo: %b\r\n" % (name.encode(), head.replace(b"\r\n", b" "))
            line = f"HTTP/1.1 {status} ".encode() + head.replace(b"\r\n", b" ")
            peer.send(b"%b\r\n%bContent-Length: %d\r\n\r\n%b" % (line, fields, len(body), body))

    with Hostile(echoes) as server:
        asked, trace = made(name, server.url), ""
        try:
            told = repr(purged(asked, [URL]))
        except DeliveryError as error:
            told, trace = f"{error!r} {error.reply}", "".join(traceback.format_exception(error))
    for secret in secret_of(asked):
        assert not leaks(told, secret)
        assert secret not in trace


def test_a_node_is_sent_the_secret_of_its_own_tier_and_no_other(settings: Settings) -> None:
    own, others = list[str](), list[str]()
    with Hostile(notes(own)) as one, Hostile(notes(others)) as other:
        secrets = {one.url: "secret-of-the-one", other.url: "secret-of-the-other"}
        settings.INVALIDATION = {"TIERS": {url: _varnish(url, secret) for url, secret in secrets.items()}}
        for url in secrets:
            provider(url, url).purge_urls([URL])
    told = [[secret in head for secret in secrets.values()] for head in own + others]
    assert told == [[True, False], [False, True]]


def notes(heads: list[str]) -> Behaviour:
    """A Varnish that keeps what it is sent."""

    def behave(peer: Peer) -> None:
        for head in peer.requests():
            heads.append(head.decode())
            peer.send(VARNISH_PURGED)

    return behave


def _varnish(url: str, secret: str) -> dict[str, Any]:
    return {"PROVIDER": "invalidation.providers.varnish.Varnish", "NODES": [url], "OPTIONS": {"SECRET": secret}}


@given(SECRETS, st.sampled_from(sorted(SPELLINGS)), st.text(max_size=40), st.text(max_size=40))
def test_a_secret_is_concealed_in_every_spelling(secret: str, spelling: str, before: str, after: str) -> None:
    written = SPELLINGS[spelling](secret)
    told = Secrets({"SECRET": secret}).conceal(f"{before} {written} {after}")
    assert written not in told
    assert not leaks(told, secret)


@given(SECRETS, st.integers(0, 50), st.integers(PIECE_CHARACTERS, 60), st.sampled_from(sorted(SPELLINGS)))
def test_a_piece_of_a_secret_is_concealed_too(secret: str, first: int, size: int, spelling: str) -> None:
    piece = secret[first : first + size]
    told = Secrets({"API_TOKEN": secret}).conceal(f"said {SPELLINGS[spelling](piece)} to us")
    assert not leaks(told, secret)


@given(st.text(max_size=300))
def test_what_holds_no_secret_is_left_as_it_is(text: str) -> None:
    assert Secrets({"SECRET": "\x01" * 20}).conceal(text) == text


@pytest.mark.parametrize(
    "options",
    [
        {"SECRET": "long-enough-to-hide"},
        {"SESSION_TOKEN": "long-enough-to-hide"},
        {"URLS": {"TARGET": "/", "HEADERS": {"Authorization": "long-enough-to-hide"}}},
    ],
)
def test_every_option_that_is_named_like_a_secret_is_one(options: dict[str, Any]) -> None:
    assert Secrets(options).conceal("it said long-enough-to-hide twice") == f"it said {CONCEALED} twice"


def test_secrets_are_in_no_repr() -> None:
    assert repr(Secrets({"SECRET": "long-enough-to-hide"})) == "<secrets>"
