"""The doctor: puts a canary through every tier and node, purges it, and names what is configured wrong."""

from __future__ import annotations

from invalidation.doctor.examination import examine
from invalidation.doctor.faults import Fault, Finding, Report
from invalidation.doctor.memory import remember, remembered
from invalidation.doctor.probes import register

__all__ = ["Fault", "Finding", "Report", "examine", "register", "remember", "remembered"]
