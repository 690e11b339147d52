"""Real servers on free ports in a private state folder: for the tests, the demo and `make up`."""

from __future__ import annotations

from deploy.local.memcached import Memcached
from deploy.local.nginx import Nginx
from deploy.local.postgres import Postgres
from deploy.local.processes import Service, ServiceFailed, free_port, wait_for
from deploy.local.rabbitmq import RabbitMQ
from deploy.local.redis import Redis, Valkey
from deploy.local.varnish import Varnish

__all__ = [
    "Memcached",
    "Nginx",
    "Postgres",
    "RabbitMQ",
    "Redis",
    "Service",
    "ServiceFailed",
    "Valkey",
    "Varnish",
    "free_port",
    "wait_for",
]
