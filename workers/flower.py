"""Keeps Flower shut: where the site is not being developed it starts with a sign-in, which then guards every page."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from django.conf import settings

COMMAND = "flower"
#: Flower's own options that bring a sign-in.
OPTIONS = ("--basic-auth", "--basic_auth", "--auth")
REFUSAL = (
    "Flower shows every task, and can stop workers, so it does not start without a sign-in: set FLOWER_BASIC_AUTH to "
    "name:password."
)


def shut(arguments: Sequence[str]) -> None:
    """Where these command line arguments start Flower, end the process if it would be open."""
    if COMMAND not in arguments:
        return
    if not (settings.DEBUG or has_sign_in(arguments)):
        sys.exit(REFUSAL)
    ask_everywhere()


def has_sign_in(arguments: Sequence[str]) -> bool:
    """Is there an account, by the environment or by an option?"""
    name, _, password = os.environ.get("FLOWER_BASIC_AUTH", "").strip().partition(":")
    named = any(argument.partition("=")[0] in OPTIONS for argument in arguments)
    return bool(name and password) or bool(os.environ.get("FLOWER_AUTH", "").strip()) or named


def ask_everywhere() -> None:
    """Flower answers on these two without asking who is there, whatever its options say."""
    from flower.views.monitor import Healthcheck, Metrics
    from tornado.web import authenticated

    for page in (Healthcheck, Metrics):
        page.get = authenticated(page.get)
