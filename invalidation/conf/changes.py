"""Whoever remembers something of the settings forgets it when a test changes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.signals import setting_changed

Forget = Callable[[], object]


def when_changed(*names: str) -> Callable[[Forget], Forget]:
    """Decorator: call this whenever one of these settings has changed."""

    def remembered(forget: Forget) -> Forget:
        def receive(*, setting: str, **_: Any) -> None:
            if setting in names:
                forget()

        name = f"{forget.__module__}.{forget.__qualname__}"
        setting_changed.connect(receive, weak=False, dispatch_uid=name)
        return forget

    return remembered
