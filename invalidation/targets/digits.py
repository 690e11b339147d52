"""Whole numbers in what others send: ASCII digits, as many as a column holds. `str.isdigit()` also takes ² and ٣.

Every parser of outside data reads its counts here, so that none raises on `²` and none keeps a number of 5,000 digits.
"""

from __future__ import annotations

import re

#: What a column of 64 bits holds.
LARGEST = 2**63 - 1
DIGITS = re.compile(r"[0-9]{1,19}")


def whole_number(text: object, largest: int = LARGEST) -> int | None:
    """The number that `text` spells; None where it spells none, or one above `largest`."""
    if not isinstance(text, str) or not DIGITS.fullmatch(text):
        return None
    number = int(text)
    return number if number <= largest else None
