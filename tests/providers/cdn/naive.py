"""Textbook versions, reconstructed small: a client from the environment, and a tag header of any length."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpResponseBase

#: F7: a module as such systems have it, which connects when it is imported.
CLIENT_MODULE = """
import os
import requests

session = requests.Session()
session.headers["Authorization"] = "Bearer " + os.environ["CDN_API_TOKEN"]
"""


def send_tags(response: HttpResponseBase, tags: Iterable[str]) -> None:
    """F26: whatever there is, in one header."""
    response.headers["Cache-Tag"] = ",".join(sorted(tags))
