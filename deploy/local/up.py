"""`make up`: the whole system in the foreground; prints its addresses and logs, and ends with ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from deploy.local.processes import Service, ServiceFailed
from deploy.local.stack import Stack

FOLLOW_SECONDS = 0.2
#: Varnish asks for it twice a second, which would drown everything else.
PROBE = "/health/"


def main() -> int:
    """Run until interrupted; the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = Console(highlight=False)
    with ExitStack() as cleaning:
        folder = os.environ.get("STATE_DIR") or cleaning.enter_context(
            tempfile.TemporaryDirectory(prefix="django-invalidation-")
        )
        try:
            with Stack(Path(folder)) as stack:
                console.print(_addresses(stack))
                return _follow(console, stack.services)
        except ServiceFailed as failure:
            console.print(f"[bold red]{failure}[/]")
            return 1
        except KeyboardInterrupt:
            return 128 + signal.SIGINT


def _addresses(stack: Stack) -> str:
    login = f"sign in as [bold]{stack.username}[/] with [bold]{stack.password}[/]"
    lines = [
        f"site    {stack.site_url}",
        f"admin   {stack.admin_url}   {login}",
        f"Flower  {stack.flower_url}   the same name and password",
        *(
            [f"edge    {stack.edge_url}   plays Cloudflare, before {stack.nginx.url}"]
            if stack.nginx and stack.edge
            else []
        ),
        f"state   {stack.state_folder}",
        *(f"[yellow]left out: {tier} is not installed, and installing it takes root[/]" for tier in stack.missing),
        "ctrl-C stops everything",
    ]
    return "\n".join(lines)


def _follow(console: Console, services: list[Service]) -> int:
    """Show what the services write, until one of them ends."""
    ends = {service.name: service.log.stat().st_size for service in services}
    while all(service.running for service in services):
        for service in services:
            ends[service.name] = _show(console, service, ends[service.name])
        time.sleep(FOLLOW_SECONDS)
    ended = [service.name for service in services if not service.running]
    console.print(f"[bold red]{', '.join(ended)} ended by itself; stopping the others.[/]")
    return 1


def _show(console: Console, service: Service, position: int) -> int:
    """Print whole new lines of a log; return the position after them."""
    with service.log.open("rb") as log:
        log.seek(position)
        new = log.read()
    whole = new[: new.rfind(b"\n") + 1]
    lines = whole.decode(errors="replace").splitlines()
    for line in (line for line in lines if PROBE not in line):
        console.print(f"[cyan]{service.name:<8}[/] ", end="")
        console.print(line, markup=False, soft_wrap=True)
    return position + len(whole)


if __name__ == "__main__":
    sys.exit(main())
