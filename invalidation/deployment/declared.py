"""What the settings declare to be purged by a deployment, and whether a person must confirm it."""

from __future__ import annotations

from invalidation import conf, keys
from invalidation.status.gate import Wide, is_whole_site, judge
from invalidation.targets.values import Targets


def targets() -> Targets:
    """What a deployment purges; empty where nothing is declared."""
    settings = conf.settings()
    return Targets.of(
        tags=settings.deploy.tags,
        urls=settings.deploy.urls,
        prefixes=settings.deploy.prefixes,
        keys=[keys.pattern(one) for one in settings.deploy.patterns],
    )


def unconfirmed() -> Wide | None:
    """Why it must be confirmed. Settings that name a whole site have said so; those that only come to it have not."""
    if any(map(is_whole_site, conf.settings().deploy.prefixes)):
        return None
    return judge(targets())
