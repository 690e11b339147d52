"""The doctor's newest report, and the button that asks for another."""

from __future__ import annotations

from typing import Any

from django.utils.dateparse import parse_datetime

from invalidation import doctor
from invalidation.admin.pages.report import ReportView
from invalidation.signals import examination_due, tell


class DoctorView(ReportView):
    """Examinations run in a worker: in the web process the canary might wait for the process that waits for it."""

    title, template, button = "Doctor", "doctor.html", "Examine now"
    asked = "A worker examines everything; its report appears here by itself in a few seconds, if a worker runs."

    def shown(self) -> dict[str, Any]:
        """The report, and when it was made."""
        report = doctor.remembered()
        return {"report": report, "examined_at": parse_datetime(report["examined_at"]) if report else None}

    def ask(self) -> None:
        """Let a worker be the doctor."""
        tell(examination_due, "examination_not_enqueued")
