"""What every process of a run must agree on; handed on in the environment."""

from __future__ import annotations

from pathlib import Path

from project.settings import environment

SITE = "http://chaos.test"
SECRET = "worth-nothing-beyond-this-run"


def is_naive() -> bool:
    """Does the baseline emit, instead of the product?"""
    return environment.text("CHAOS_EMITTER", "outbox") == "naive"


def folder() -> Path:
    """Where every process logs what it does."""
    return Path(environment.required("CHAOS_FOLDER"))
