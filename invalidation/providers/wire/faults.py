"""How an exchange over the wire fails; the node turns each into what it means for a delivery."""

from __future__ import annotations


class Fault(Exception):
    """Root of the tree."""


class TooLate(Fault):
    """The deadline of the exchange has passed."""


class Broken(Fault):
    """No connection, or one that ended before the answer did."""


class Malformed(Fault):
    """What came is no HTTP/1.1, or exceeds a bound."""


class Unsendable(Fault):
    """A request that would be read as something else: line breaks or spaces where none may be."""
