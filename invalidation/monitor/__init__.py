"""Looks at every cache: counters, latency, health; what `cache_monitor` prints."""

from invalidation.monitor.collect import look
from invalidation.monitor.report import Report

__all__ = ["Report", "look"]
