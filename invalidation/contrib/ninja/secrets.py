"""The text of a token: made once, shown once, and afterwards known by its hash."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from hashlib import sha256

from django.utils.crypto import constant_time_compare

#: `inv_`, twelve digits that are no secret, and 256 random bits.
PATTERN = re.compile(r"inv_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
#: In place of what somebody has pasted where a token does not belong.
CONCEALED = "inv_…"


@dataclass(frozen=True, slots=True)
class Minted:
    """A new token."""

    identifier: str
    text: str = field(repr=False)
    """For whoever it is made for, once."""

    @property
    def digest(self) -> str:
        """What is stored."""
        return digest(self.text)


def mint() -> Minted:
    """A token that nobody has yet."""
    identifier = secrets.token_hex(6)
    return Minted(identifier, f"inv_{identifier}_{secrets.token_urlsafe(32)}")


def digest(text: str) -> str:
    """A fast hash: nobody guesses 256 random bits, so a slow one would slow down the site alone."""
    return sha256(text.encode()).hexdigest()


def identifier(text: str) -> str:
    """The part that is no secret; "" for what is no token."""
    found = PATTERN.fullmatch(text)
    return found[1] if found else ""


def matches(text: str, known: str) -> bool:
    """Is `known` the hash of this text? Takes as long whatever they have in common."""
    return constant_time_compare(digest(text), known)


def concealed(text: str) -> str:
    """The same without the tokens in it."""
    return PATTERN.sub(CONCEALED, text)
