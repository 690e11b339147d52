"""Prints a configuration for a real deployment: `python -m deploy.render nginx/site.conf.template values.json`.

With `--output FILE` it is written for the owner alone, because it holds the secret.

`values.json` holds the placeholders that the template's comment lists. Of those that it leaves out some are needed,
some have a default, and the others are empty. The secret comes from the environment variable PURGE_SECRET.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from deploy.local.templates import FOLDER, PRIVATE_COOKIES, TAG_HEADERS, Value, placeholders, render, write_private

#: Whatever the template, nothing sensible can be guessed for these.
NEEDED = {"listen", "server_names", "upstreams", "cache_folder", "backends", "probe_host", "purge_addresses"}
NEEDED |= {"mime_types", "site", "state_folder"}
#: A site that purges, keeps sessions private and hides the tags, unless it is told otherwise.
DEFAULTS: dict[str, Value] = {
    "purge_location": "yes",
    "purge_branch": "yes",
    "private_cookies": PRIVATE_COOKIES,
    "hidden_headers": TAG_HEADERS,
    "cache_size": "1g",
    "lock_milliseconds": "5000",
    "requests_per_second": "20",
    "burst": "100",
    "api_requests_per_second": "5",
    "api_burst": "20",
    "login_attempts_per_minute": "10",
    "login_burst": "5",
    "probe_path": "/health/",
    "probe_seconds": "5",
    "workers": "auto",
}


def main(arguments: list[str]) -> int:
    """Exit status 0, or 2 when a value is missing or unknown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("template", choices=[str(path.relative_to(FOLDER)) for path in FOLDER.glob("*/*.template")])
    parser.add_argument("values", type=Path, help="JSON object of placeholders")
    parser.add_argument("--output", type=Path, help="file to write, for its owner alone; else it is printed")
    options = parser.parse_args(arguments)
    known = placeholders((FOLDER / options.template).read_text())
    values = json.loads(options.values.read_text())
    if unknown := set(values) - known:
        parser.error(f"unknown placeholders {sorted(unknown)}; known are {sorted(known)}")
    if missing := (NEEDED & known) - set(values):
        parser.error(f"values for {sorted(missing)} are needed; the comment of {options.template} says what they are")
    secret = {"secret": os.environ.get("PURGE_SECRET", "")} if "secret" in known else {}
    text = render(options.template, {**dict.fromkeys(known, ""), **DEFAULTS, **values, **secret})
    if options.output:
        write_private(options.output, text)
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
