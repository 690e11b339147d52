"""How long to wait before the next attempt. Pure but for chance."""

from __future__ import annotations

from tenacity import RetryCallState, Retrying
from tenacity.wait import wait_random_exponential


def backoff_seconds(attempts: int, *, base_seconds: float, cap_seconds: float) -> float:
    """Exponential with full jitter: uniform between zero and `base * 2 ** (attempts - 1)`, at most the cap.

    Full jitter spreads the retries of many deliveries best (AWS Architecture Blog, "Exponential Backoff And
    Jitter").
    """
    state = RetryCallState(retry_object=Retrying(), fn=None, args=(), kwargs={})
    state.attempt_number = max(1, attempts)
    return wait_random_exponential(multiplier=base_seconds, max=cap_seconds)(state)
