"""What an error or a reply means, in words for the person on call, and what to do about it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.utils.text import Truncator

#: Characters of an error that nothing is known about.
SHOWN_CHARACTERS = 160
LEFT_ALONE = re.compile(r"Left alone: (\d+) calls in a row failed\.(?: The last: (.*))?", re.DOTALL)
PASSING = "It goes on by itself"
BY_ITSELF = "What waits goes on by itself once that is mended; replay what is dead."


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Of a node's error: what it does, as `refused the connection`, and the remedy in a sentence or two."""

    words: str
    remedy: str
    passing: bool = False
    """Does it pass without anybody's doing?"""


@dataclass(frozen=True, slots=True)
class Known:
    """An error that is known by its words."""

    pattern: re.Pattern[str]
    words: str
    """With `{}` for what the pattern's group found."""

    remedy: str


def _known(pattern: str, words: str, remedy: str) -> Known:
    return Known(re.compile(pattern, re.DOTALL | re.IGNORECASE), words, remedy)


KNOWN = (
    _known(
        r"can't be reached: .*refused",
        "refused the connection",
        f"Nothing listens there: start the server, or correct its address in NODES. {BY_ITSELF}",
    ),
    _known(
        r"can't be reached: .*(?:not known|name resolution|getaddrinfo|No address)",
        "has a name that nobody resolves",
        f"Mend DNS, or the address in NODES. {BY_ITSELF}",
    ),
    _known(
        r"can't be reached: (.*)",
        "can't be reached: {}",
        f"Look at the way there: address, firewall, certificate. {BY_ITSELF}",
    ),
    _known(
        r"did not answer within ([\d.]+) seconds",
        "did not answer within {} s",
        f"It is frozen or overloaded, or a firewall swallows what is sent. {BY_ITSELF}",
    ),
    _known(
        r"refused with status (\d+): check the secret",
        "refused the purge with {}",
        "Compare SECRET in OPTIONS with the node's own, and the addresses that may purge there; then replay.",
    ),
    _known(r"refused with status (\d+)", "refused the purge with {}", "Its own log says why; then replay."),
    _known(
        r"answered (\d+) without .*is the purge configured",
        "answered {} without a proof that it purged",
        "The purge is not configured there: `manage.py invalidation_doctor` names what is missing. Then replay.",
    ),
    _known(r"(?:failed with status|failed:) (\w+)", "failed with {}", f"Its own log says why. {BY_ITSELF}"),
    _known(r"own quota is used up", "has no calls left in its account's quota", f"{PASSING}."),
    _known(r"asks for a pause", "asked for a pause", f"{PASSING} when the pause is over."),
    _known(
        r"tag index can't be read",
        "could not be planned: the Redis of the tag index is away",
        f"Start the Redis of REDIS_URL. {BY_ITSELF}",
    ),
    _known(
        r"never ended: its worker",
        "was left by workers that died",
        "The workers' logs say of what; then replay.",
    ),
    _known(
        r"(\w+) in the provider or its configuration",
        "could not be asked: {} in its configuration, or a defect",
        "The workers' log has the trace under `delivery_defect`; then replay.",
    ),
    _known(
        r"what is stored can't be read|can't be read: ",
        "was given what can't be read",
        "Another program wrote the event; correct it, then replay.",
    ),
)


def diagnose(error: str) -> Diagnosis:
    """What an error means. Who was put off because a breaker is open is told why the breaker opened."""
    if left := LEFT_ALONE.search(error):
        last = left[2]
        return diagnose(last) if last else Diagnosis(f"failed {left[1]} times in a row", BY_ITSELF)
    for known in KNOWN:
        if found := known.pattern.search(error):
            return Diagnosis(_filled(known.words, found), known.remedy, known.remedy.startswith(PASSING))
    return Diagnosis(_first_sentence(error) or "did not purge", "Mend what it says; then replay.")


def _filled(words: str, found: re.Match[str]) -> str:
    return words.format(_short(found[1])) if found.groups() else words


def _first_sentence(text: str) -> str:
    return _short(re.split(r"(?<=[.!?])\s", text.strip(), maxsplit=1)[0])


def _short(text: str) -> str:
    return Truncator(text.strip().rstrip(".")).chars(SHOWN_CHARACTERS)


def place(tier: str, node: str) -> str:
    """`varnish 127.0.0.1:6081`, without what is the same for all."""
    return f"{tier} {node.partition('://')[2] or node}".strip()
