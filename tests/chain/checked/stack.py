"""The stack of `make up` without Flower, over PostgreSQL, with the checker's settings."""

from __future__ import annotations

from pathlib import Path

from deploy.local.processes import Service
from deploy.local.stack import Stack


class CheckedStack(Stack):
    """Edge → Nginx → Varnish → gunicorn; `naive` leaves out what keeps it fresh."""

    edge_limits = ("--plan", "enterprise", "--unlimited")

    def __init__(self, state_folder: Path, *, database_url: str, naive: bool) -> None:
        self.naive = naive
        super().__init__(state_folder, database_url=database_url, with_edge=True)

    @property
    def environment(self) -> dict[str, str]:
        """With the checker's settings."""
        checked = {"DJANGO_SETTINGS_MODULE": "tests.chain.checked.settings", "NAIVE": str(self.naive)}
        return super().environment | checked

    @property
    def addresses(self) -> dict[str, str]:
        """Every tier's, by its name."""
        assert self.varnish
        assert self.nginx
        return {
            "edge": self.edge_url,
            "nginx": self.nginx.url,
            "varnish": self.varnish.url,
            "gunicorn": self.web_url,
        }

    def _processes(self) -> dict[str, Service]:
        processes = super()._processes()
        del processes["flower"]
        return processes
