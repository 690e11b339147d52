"""F31: a node that repeats our request tells nobody our secret, whole or in pieces, however it spells it."""

from __future__ import annotations

import base64
import html
import json
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invalidation.exceptions import DeliveryError
from invalidation.providers.answers.secrets import CONCEALED, PIECE_CHARACTERS, Secrets
from tests.providers.test_deadlines import PROVIDERS, URL, made, purged
from tests.stand_ins.hostile import Hostile, Peer

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


def secret_of(provider: Any) -> list[str]:
    names = ("SECRET", "API_TOKEN", "API_KEY", "SECRET_ACCESS_KEY")
    return [str(provider.options[name]) for name in names if provider.options.get(name)]


def leaks(text: str, secret: str) -> list[str]:
    """Pieces of the secret that a reader of the text finds, in whatever spelling."""
    pieces = [secret[first : first + PIECE_CHARACTERS] for first in range(len(secret) - PIECE_CHARACTERS + 1)]
    return [piece for piece in pieces if piece.lower() in text.lower()]


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
        provider, trace = made(name, server.url), ""
        try:
            told = repr(purged(provider, [URL]))
        except DeliveryError as error:
            told, trace = f"{error!r} {error.reply}", "".join(traceback.format_exception(error))
    for secret in secret_of(provider):
        assert not leaks(told, secret)
        assert secret not in trace


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
