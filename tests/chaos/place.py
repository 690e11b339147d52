"""Where everything of a run listens and keeps its data; knows nothing of Django, which is told by the environment."""

from __future__ import annotations

from pathlib import Path

from deploy.local import Nginx, Postgres, Redis, Varnish, free_port
from invalidation.proxies.templates import Value
from tests.chaos.faults import STAND_INS
from tests.chaos.site import SECRET

DATABASE = "chaos"
#: The site's own name has no port.
HIDDEN_PORT: dict[str, Value] = {"public_port": ""}


class Place:
    """Stores, proxies and ports of one run."""

    def __init__(self, folder: Path, *, database: str, emitter: str) -> None:
        self.folder = folder
        self.emitter = emitter
        self.redis = Redis(folder, persistent=True)
        self.postgres = self._postgres() if database == "postgres" else None
        self.stand_ins = {name: free_port() for name in STAND_INS}
        self.web_port = free_port()
        self.varnish = Varnish(folder, [f"127.0.0.1:{self.web_port}"], SECRET, options=HIDDEN_PORT)
        self.nginx = Nginx(folder, [f"127.0.0.1:{self.varnish.port}"], SECRET, options=HIDDEN_PORT)

    def _postgres(self) -> Postgres:
        """What has been committed survives every process, if not the machine, and carries the time of its commit."""
        arguments = ["-c", "track_commit_timestamp=on", "-c", "synchronous_commit=on"]
        return Postgres(self.folder, arguments=arguments)

    @property
    def web_url(self) -> str:
        """The application, behind every cache."""
        return f"http://127.0.0.1:{self.web_port}"

    def log_of(self, stand_in: str) -> Path:
        """What a stand-in was asked to purge."""
        return self.folder / f"{stand_in}.purges"

    def node_of(self, stand_in: str) -> str:
        """Address of a stand-in, as its tier knows it."""
        return f"http://127.0.0.1:{self.stand_ins[stand_in]}"

    def _nodes(self, tier: str) -> str:
        return ",".join(self.node_of(name) for name in STAND_INS if name.startswith(tier))

    @property
    def environment(self) -> dict[str, str]:
        """What the settings read."""
        return {
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "PYTHONUNBUFFERED": "1",
            "DATABASE_URL": (
                self.postgres.url(DATABASE) if self.postgres else f"sqlite:///{self.folder / DATABASE}.sqlite3"
            ),
            "REDIS_URL": self.redis.url(),
            "VARNISH_NODES": self.varnish.url,
            "NGINX_NODES": self.nginx.url,
            "SHIELD_NODES": self._nodes("shield"),
            "EDGE_NODES": self._nodes("edge"),
            "CHAOS_EMITTER": self.emitter,
            "CHAOS_FOLDER": str(self.folder),
            "LOG_LEVEL": "WARNING",
        }
