"""CLIENT_CLASS of django-redis for a cache on a Redis Cluster, whose keys lie on several nodes."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from django_redis.client import DefaultClient
from django_redis.exceptions import ConnectionInterrupted
from redis.cluster import RedisCluster
from redis.exceptions import RedisClusterException


class Cluster(RedisCluster):
    """Its commands for many keys go to each node by itself; DEL and UNLINK do so already."""

    def mget(self, keys: Any, *more: Any) -> Any:
        """The values in the order of the keys; not at one instant."""
        return self.mget_nonatomic(keys, *more)


@cache
def _cluster(url: str, **options: Any) -> Cluster:
    """One client a process: it knows every node, and its pools are safe for threads."""
    return cast("Cluster", Cluster.from_url(url, **options))


class ClusterClient(DefaultClient):  # type: ignore[misc]  # django-redis has no types
    """Reads SOCKET_TIMEOUT, SOCKET_CONNECT_TIMEOUT and PASSWORD of the alias' OPTIONS; LOCATION names any one node."""

    def connect(self, index: int = 0) -> Any:
        """A client of the whole cluster.

        Raises:
            ConnectionInterrupted: no node answers.
        """
        names = ("SOCKET_TIMEOUT", "SOCKET_CONNECT_TIMEOUT", "PASSWORD")
        options = {name.lower(): self._options[name] for name in names if name in self._options}
        try:
            return _cluster(self._server[index], **options)
        except RedisClusterException as error:
            raise ConnectionInterrupted(connection=None) from error
