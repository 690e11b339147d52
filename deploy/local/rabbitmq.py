"""Runs a RabbitMQ server, with a port mapper of Erlang's that ends with it."""

from __future__ import annotations

import shutil
from pathlib import Path

from deploy.local.processes import Service, ServiceFailed, ask, free_port

#: Debian's `rabbitmq-server` on the PATH insists on an account of its own; what it calls does not.
PLACES = "/usr/lib/rabbitmq/bin:/opt/rabbitmq/sbin"
#: What a client of AMQP 0-9-1 says first, and the kind of frame that a broker answers with.
GREETING, METHOD = b"AMQP\x00\x00\x09\x01", b"\x01"
#: Left to itself, Erlang starts a mapper that outlives whoever started it.
START = 'epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 & exec "$0"'


def binary() -> str:
    """RabbitMQ's program.

    Raises:
        ServiceFailed: it is not installed.
    """
    if (found := shutil.which("rabbitmq-server", path=PLACES)) and shutil.which("epmd"):
        return found
    raise ServiceFailed("Install the Debian package rabbitmq-server.")


class RabbitMQ(Service):
    """A broker on a port of 127.0.0.1, a node that knows no other."""

    def __init__(self, state_folder: Path, *, name: str = "rabbitmq", port: int | None = None) -> None:
        super().__init__(name, state_folder)
        self.port = port or free_port()
        self.environment = {
            "ERL_EPMD_PORT": str(free_port()),
            "HOME": str(self.data_folder),  # of Erlang's cookie
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.data_folder / "rabbitmq.conf"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.data_folder / "plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.data_folder),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_LOG_BASE": str(self.data_folder),
            "RABBITMQ_MNESIA_BASE": str(self.data_folder),
            "RABBITMQ_NODENAME": f"{name}-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_PID_FILE": str(self.data_folder / "pid"),
        }

    @property
    def url(self) -> str:
        """Address of its first virtual host, for the account that it lets in from this machine."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @property
    def data_folder(self) -> Path:
        """Where it keeps its queues."""
        return self.state_folder / self.name

    def prepare(self) -> None:
        """Create the data folder; a nearly full disk must not block who sends."""
        self.data_folder.mkdir(parents=True, exist_ok=True)
        (self.data_folder / "rabbitmq.conf").write_text("disk_free_limit.absolute = 1MB\n")

    def command(self) -> list[str]:
        """The server in the foreground, beside its mapper."""
        return ["sh", "-c", START, binary()]

    def is_ready(self) -> bool:
        """Does it answer in its protocol?"""
        return ask(self.port, GREETING).startswith(METHOD)
