"""Names who runs a command."""

from __future__ import annotations

import getpass


def account() -> str:
    """The operating system's account, or "" where there is none, as in a container that runs as a bare number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
