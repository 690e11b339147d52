"""The doctor: puts a canary through every tier and node, purges it, and names what is configured wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invalidation import lazy

if TYPE_CHECKING:
    from invalidation.doctor.examination import examine as examine
    from invalidation.doctor.faults import Fault as Fault
    from invalidation.doctor.faults import Finding as Finding
    from invalidation.doctor.faults import Report as Report
    from invalidation.doctor.last_report import remember as remember
    from invalidation.doctor.last_report import remembered as remembered
    from invalidation.doctor.probes import register as register

#: Whoever registers a probe does so at the start of every process, and most examine nothing.
_HOMES = {
    "examine": "examination",
    "Fault": "faults",
    "Finding": "faults",
    "Report": "faults",
    "remember": "last_report",
    "remembered": "last_report",
    "register": "probes",
}
__getattr__ = lazy.attributes(__name__, _HOMES)
__all__ = ["Fault", "Finding", "Report", "examine", "register", "remember", "remembered"]
