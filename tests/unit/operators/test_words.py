"""Errors of nodes as the person on call reads them."""

from __future__ import annotations

import pytest

from invalidation.status.words import diagnose

NODE = "http://127.0.0.1:41002"
FORBIDDEN = f"{NODE} refused with status 403: check the secret and the addresses that may purge."
UNPROVED = f"{NODE} answered 200 without X: y: is the purge configured there?"
EXPIRED = f"{NODE} can't be reached: certificate has expired"
DEFECT = "KeyError in the provider or its configuration; the log has the trace"
REFUSED = f"{NODE} can't be reached: [Errno 111] Connection refused"


@pytest.mark.parametrize(
    ("error", "words", "remedy"),
    [
        (REFUSED, "refused the connection", "Nothing listens there"),
        (f"Left alone: 5 calls in a row failed. The last: {REFUSED}", "refused the connection", "Nothing listens"),
        ("Left alone: 5 calls in a row failed.", "failed 5 times in a row", "goes on by itself"),
        (f"{NODE} did not answer within 5 seconds.", "did not answer within 5 s", "frozen or overloaded"),
        (f"{NODE} can't be reached: [Errno -2] Name or service not known", "has a name that nobody resolves", "DNS"),
        (
            f"{NODE} can't be reached: certificate has expired",
            "can't be reached: certificate has expired",
            "certificate",
        ),
        (f"{NODE} failed with status 503.", "failed with 503", "own log"),
        (
            FORBIDDEN,
            "refused the purge with 403",
            "SECRET",
        ),
        (f"{NODE} refused with status 400.", "refused the purge with 400", "own log"),
        (
            UNPROVED,
            "answered 200 without a proof that it purged",
            "doctor",
        ),
        (f"{NODE} asks for a pause.", "asked for a pause", "by itself"),
        ("The account's own quota is used up for now.", "has no calls left in its account's quota", "by itself"),
        (
            "KeyError in the provider or its configuration; the log has the trace",
            "could not be asked: KeyError",
            "trace",
        ),
        ("The last of 8 attempts never ended: its worker died or was killed", "was left by workers that died", "logs"),
        ("The tag index can't be read: its Redis is away.", "could not be planned", "REDIS_URL"),
        ("CloudFront failed: ServiceUnavailable.", "failed with ServiceUnavailable", "log"),
        ("Something new. And more of it.", "Something new", "replay"),
        ("", "did not purge", "replay"),
    ],
)
def test_an_error_is_told_in_words_with_a_remedy(error: str, words: str, remedy: str) -> None:
    diagnosis = diagnose(error)
    assert diagnosis.words.startswith(words)
    assert remedy in diagnosis.remedy


def test_what_passes_by_itself_is_no_reason_to_wake_anybody() -> None:
    assert diagnose("edge asks for a pause.").passing
    assert not diagnose(REFUSED).passing


def test_a_long_error_is_cut() -> None:
    assert len(diagnose("x" * 10_000).words) <= 160
