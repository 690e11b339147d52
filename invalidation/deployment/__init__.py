"""Deploying a new release behind caches: warm them, start a new generation, purge, verify."""

from invalidation.deployment.declared import unconfirmed
from invalidation.deployment.phases import PHASES, Outcome, run
from invalidation.deployment.warm import Warmed, warm

__all__ = ["PHASES", "Outcome", "Warmed", "run", "unconfirmed", "warm"]
