"""Prints a configuration for a real deployment: `python -m deploy.render nginx/site.conf.template values.json`.

`values.json` holds the placeholders that the template's comment lists; those it leaves out are empty. The secret comes
from the environment variable PURGE_SECRET.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from deploy.local.templates import FOLDER, placeholders, render


def main(arguments: list[str]) -> int:
    """Exit status 0, or 2 when a value is missing or unknown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("template", choices=[str(path.relative_to(FOLDER)) for path in FOLDER.glob("*/*.template")])
    parser.add_argument("values", type=Path, help="JSON object of placeholders")
    options = parser.parse_args(arguments)
    known = placeholders((FOLDER / options.template).read_text())
    values = json.loads(options.values.read_text())
    if unknown := set(values) - known:
        parser.error(f"unknown placeholders {sorted(unknown)}; known are {sorted(known)}")
    secret = {"secret": os.environ.get("PURGE_SECRET", "")} if "secret" in known else {}
    print(render(options.template, {**dict.fromkeys(known, ""), **values, **secret}), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
