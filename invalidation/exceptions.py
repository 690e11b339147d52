"""Every error the app raises; imports nothing, so that any layer may raise any of them.

InvalidationError
├── InvalidTarget         a tag, URL, prefix or key that can't be purged (also a ValueError)
├── UnsupportedOperation  a verb that a provider doesn't have
└── DeliveryError         a tier did not confirm a purge
    ├── TransientError    worth another attempt
    │   ├── Throttled     the tier asked for a pause; consumes no attempt
    │   ├── Unproven      answered, but without the cache's own proof
    │   └── Unrecognised  did not accept our credentials this time
    └── RejectedError     refused for good; another attempt can't help

Wrong settings are another family: Django's ImproperlyConfigured, found by system checks at start.
"""


class InvalidationError(Exception):
    """Root of the tree."""


class InvalidTarget(InvalidationError, ValueError):
    """A target that can't be purged; the message names the fix."""


class UnsupportedOperation(InvalidationError):
    """The provider has no such verb; the planner should not have chosen it."""


class DeliveryError(InvalidationError):
    """A tier did not confirm a purge. `reply` holds the provider's own words."""

    def __init__(self, message: str, *, reply: str = "") -> None:
        super().__init__(message)
        self.reply = reply


class TransientError(DeliveryError):
    """Another attempt may succeed: refused connection, timeout, 5xx."""


class Throttled(TransientError):
    """The tier asked for a pause of `retry_after_seconds` (None where it did not say how long)."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None, reply: str = "") -> None:
        super().__init__(message, reply=reply)
        self.retry_after_seconds = retry_after_seconds


class Unproven(TransientError):
    """The tier answered, but nothing in the answer shows that the cache did the purge."""


class Unrecognised(TransientError):
    """The tier did not accept our credentials, which it has been seen to do with good ones.

    Worth `attempts_allowed` attempts; what is refused as often is refused for good.
    """

    attempts_allowed = 3


class RejectedError(DeliveryError):
    """The tier refused the request for good: bad credentials, unknown zone, malformed target."""
