"""Reads an instant from the command line: ISO 8601 with its time zone, or so long from now."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import datetime, timedelta

from django.utils import timezone

from invalidation.status.scheduled import FARTHEST

FROM_NOW = re.compile(r"\+([0-9]{1,6})([smhd])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def instant(text: str) -> datetime:
    """What `+2h` and `2026-12-24T08:00+01:00` say."""
    now = timezone.now()
    found = FROM_NOW.fullmatch(text)
    moment = now + timedelta(**{UNITS[found[2]]: int(found[1])}) if found else _moment(text)
    if moment - now > FARTHEST:
        raise ArgumentTypeError(f"{text!r} is more than ten years away")
    return moment


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        example = "write 2026-12-24T08:00+01:00, or +2h for in two hours (s, m, h, d)"
        raise ArgumentTypeError(f"{text!r} is not an instant; {example}") from error
    if moment.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} has no time zone; write it behind, as in 2026-12-24T08:00+01:00 or …08:00Z")
    return moment
