"""Real servers on free ports in a private state folder: for the tests, the demo and `make up`."""

from __future__ import annotations

from deploy.local.memcached import Memcached
from deploy.local.nginx import Nginx
from deploy.local.postgres import Postgres
from deploy.local.processes import Service, ServiceFailed, free_port, wait_for
from deploy.local.redis import Redis
from deploy.local.varnish import Varnish

__all__ = ["Memcached", "Nginx", "Postgres", "Redis", "Service", "ServiceFailed", "Varnish", "free_port", "wait_for"]
