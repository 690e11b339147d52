"""Takes a provider's secrets out of what a cache or a vendor says, whole or in pieces, however encoded (F31).

A node that repeats our request would otherwise write the purge secret into the status page. Every eight characters
that follow each other in a secret, or in one of its usual spellings, are looked for in the text; what only shows a
secret after it is decoded is withheld as a whole.
"""

from __future__ import annotations

import base64
import html
import json
import re
import string
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus

CONCEALED = "[secret]"
WITHHELD = "[withheld: it repeats a secret]"
#: A piece of so many characters is worth hiding; a shorter secret is one piece.
PIECE_CHARACTERS = 8
#: A shorter one may be a word that everybody says; the shipped configurations take none below sixteen.
LEAST_CHARACTERS = 6
#: Names of options and request headers whose values are secrets.
SECRET_NAME = re.compile(r"SECRET|TOKEN|KEY|PASSW|CREDENTIAL|AUTHORI[SZ]ATION|COOKIE", re.IGNORECASE)
#: Options that name a header instead.
HEADER_NAME = re.compile(r"_HEADER$")
#: In small letters, whatever changes the case of a header on its way; nothing else changes its length.
SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class Secrets:
    """The secrets of one provider. Error reports show variables, hence not as what it holds."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        secrets = [secret for secret in secret_values(options) if len(secret) >= LEAST_CHARACTERS]
        self._pieces: dict[int, set[str]] = {}
        self._latest = ("", "")
        for spelling in {spelling.translate(SMALL) for secret in secrets for spelling in spellings(secret)}:
            size = min(len(spelling), PIECE_CHARACTERS)
            self._pieces.setdefault(size, set()).update(_pieces(spelling, size))

    def __repr__(self) -> str:
        return "<secrets>"

    def conceal(self, text: str) -> str:
        """`text` without any of them."""
        said, concealed = self._latest  # most caches say the same each time
        if text != said:
            concealed = self._concealed(text)
            self._latest = (text, concealed)
        return concealed

    def _concealed(self, text: str) -> str:
        text = self._replaced(text) if self._are_in(text) else text
        decoded = (reading for reading in decodings(text) if reading != text)
        return WITHHELD if any(map(self._are_in, decoded)) else text

    def _replaced(self, text: str) -> str:
        kept, end = [], 0
        for first, last in self._spans(text.translate(SMALL)):
            kept.append(text[end:first] + CONCEALED)
            end = last
        return "".join(kept) + text[end:]

    def _are_in(self, text: str) -> bool:
        text = text.translate(SMALL)
        return any(not pieces.isdisjoint(_pieces(text, size)) for size, pieces in self._pieces.items())

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Beginning and end of what is to be concealed; pieces that overlap or touch are one."""
        first, last = -1, -1
        for position in range(len(text)):
            end = max((position + size for size in self._pieces if self._begins(text, position, size)), default=-1)
            if end < 0:
                continue
            if position > last:
                if first >= 0:
                    yield first, last
                first = position
            last = max(last, end)
        if first >= 0:
            yield first, last

    def _begins(self, text: str, position: int, size: int) -> bool:
        return text[position : position + size] in self._pieces[size]


def _pieces(spelling: str, size: int) -> set[str]:
    return {spelling[first : first + size] for first in range(len(spelling) - size + 1)}


def secret_values(options: Mapping[str, Any]) -> Iterator[str]:
    """Values of options, and of headers among them, whose names say that they are secrets."""
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from secret_values(value)
        elif isinstance(value, str) and SECRET_NAME.search(str(name)) and not HEADER_NAME.search(str(name)):
            yield value


def spellings(secret: str) -> Iterator[str]:
    """A secret as others may write it."""
    raw = secret.encode(errors="replace")
    yield from (secret, raw.decode("latin-1"), " ".join(secret.split()))
    yield from (quote(secret, safe=""), quote(secret), quote_plus(secret))
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], html.escape(secret))
    yield from (repr(secret)[1:-1], repr(raw)[2:-1], raw.hex(), raw.hex(" "), raw.hex(":"))
    yield "".join(f"%{byte:02x}" for byte in raw)
    yield from _base64(raw)


def _base64(raw: bytes) -> Iterator[str]:
    """Alone, and as a part of something longer: at each of the three places in a group, without what it shares."""
    for before, shared in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(bytes(before) + raw).rstrip(b"=").decode()
        own = encoded[shared:] if (before + len(raw)) % 3 == 0 else encoded[shared:-1]
        yield own
        yield own.replace("+", "-").replace("/", "_")


def decodings(text: str) -> Iterator[str]:
    """What a text says to those who decode it."""
    yield unquote_plus(text)
    yield html.unescape(text)
    yield re.sub(r"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})", lambda code: chr(int(code[1] or code[2], 16)), text)
    yield re.sub(r"\\(.)", r"\1", text)
