"""A worker that is killed after CloudFront has accepted, before it could store that: one invalidation, not two."""

from __future__ import annotations

import signal
import threading

import pytest

from tests.stand_ins.cloudfront import CloudFront
from tests.stand_ins.server import Request, Response
from tests.unit.pipeline.test_contention import answer, start

pytestmark = pytest.mark.takes(14)


class Withholding(CloudFront):
    """Does what the first job asks for, but keeps the answer back."""

    def __init__(self) -> None:
        super().__init__(quota="concurrency", seconds=0.05)
        self.accepted = threading.Event()
        self.released = threading.Event()

    def answer(self, request: Request, fault: str) -> Response:
        """As CloudFront's; the first accepted job's only once the test has seen to its worker."""
        told = super().answer(request, fault)
        if self.log and not self.accepted.is_set():
            self.accepted.set()
            self.released.wait(60)
        return told


@pytest.mark.timeout(180)
def test_a_worker_killed_between_acceptance_and_our_status_leads_to_one_invalidation(database_copy: str) -> None:
    with Withholding() as vendor:
        worker = start(database_copy, "-m", "tests.providers.cdn.worker", vendor.url)
        accepted = vendor.accepted.wait(60)
        worker.kill()
        _, errors = worker.communicate(timeout=20)
        assert accepted, errors
        assert worker.returncode == -signal.SIGKILL
        vendor.released.set()
        status, leases = answer(start(database_copy, "-m", "tests.providers.cdn.worker", vendor.url)).split()
        assert status == "purged"
        assert int(leases) > 1
        assert [purge["items"] for purge in vendor.log] == [["#blog.post"], ["/a/"]]
        assert len(vendor.jobs) == 2
