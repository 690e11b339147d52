"""`python -m tests.chaos`: the fault injection; exits 0 if every promise held."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import django

from tests.chaos.options import Options, parsed
from tests.chaos.place import Place


def run(options: Options, folder: Path) -> int:
    """Make this process one of the site's, then run."""
    place = Place(folder, database=options.database, emitter=options.emitter)
    os.environ.update(place.environment)
    django.setup()
    from tests.chaos import report
    from tests.chaos.run import carry_out
    from tests.chaos.world import World

    world = World(place, seed=options.seed, writes_per_second=options.writes_per_second * 3 / 4)
    outcome = carry_out(options, world)
    sys.stdout.write("\n".join([*report.lines(outcome), "", *report.examples(outcome)]) + "\n")
    if options.report:
        report.keep(outcome, options.report)
    return 1 if report.broken(outcome) else 0


def main() -> int:
    """Read the command line; a folder that it names is kept, a temporary one is not."""
    options = parsed()
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        return run(options, options.folder.resolve())
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        return run(options, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
