#!/usr/bin/env python
"""Command line of the reference site."""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Run one management command with the development settings unless told otherwise."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.development")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
