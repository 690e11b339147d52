"""Stands in for CloudFront: signed XML, invalidation jobs that take their time, both quotas, both duplicate errors."""

from __future__ import annotations

import itertools
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from tests.stand_ins.copies import Copy, tagged
from tests.stand_ins.limits import Bucket
from tests.stand_ins.server import Request, Response
from tests.stand_ins.signature import signature_is_valid
from tests.stand_ins.vendor import Fault, Vendor, parser, serve

DISTRIBUTION_ID = "EDFDVBD6EXAMPLE"
TENANT_ID = "dt_2wjDZi3hD1ivOXf6rpZJOSNE1AB"
ACCESS_KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG/of-the-tests"
NAMESPACE = "http://cloudfront.amazonaws.com/doc/2020-05-31/"
BASE = "/2020-05-31"
JOBS = re.compile(rf"{BASE}/(distribution|distribution-tenant)/([^/]+)/invalidation")
JOB = re.compile(rf"{BASE}/(distribution|distribution-tenant)/([^/]+)/invalidation/([^/]+)")
CONFIG = re.compile(rf"{BASE}/distribution/([^/]+)/config")
#: What a path may hold: no character that must be encoded, and "*" at its end alone.
PATH = re.compile(r"/[^\s\"<>#{}|\\^~\[\]`*\x00-\x1f\x7f-\U0010ffff]*\*?")
TAG = re.compile(r"#[\x21-\x2b\x2d-\x7e]{1,256}")
MAX_PATH_CHARACTERS = 4000
MAX_BATCH = 3000
DUPLICATE = (
    "Your request contains a caller reference that was used for a previous invalidation batch "
    "for the same distribution."
)


@dataclass
class Job:
    """One invalidation."""

    id: str
    owner: str
    reference: str
    items: list[str]
    ends_at: float
    done: bool = False
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    @property
    def wildcards(self) -> int:
        return sum(item.endswith("*") for item in self.items)


class CloudFront(Vendor):
    """CloudFront with one distribution and one tenant."""

    name: ClassVar[str] = "cloudfront"

    def __init__(
        self,
        *,
        port: int = 0,
        quota: str = "rate",
        duplicates: str = "documented",
        seconds: float = 0.1,
        tag_header: str = "Cache-Tag",
    ) -> None:
        """`duplicates`: documented (another code), observed (InvalidArgument), always (even for an equal batch)."""
        super().__init__(port=port)
        self.quota = quota
        self.duplicates = duplicates
        self.seconds = seconds
        self.tag_header = tag_header
        self.paths = Bucket(150, 150)
        self.wildcards = Bucket(1, 1)
        self.jobs: dict[str, Job] = {}
        self._ids = (f"I{number:013}" for number in itertools.count(1))

    def forget(self) -> None:
        """Back to the first state, but for the limits."""
        super().forget()
        self.jobs.clear()

    def answer(self, request: Request, fault: str) -> Response:
        """Check the signature, then start, show or list jobs, or tell the configuration."""
        if not signature_is_valid(request, {ACCESS_KEY_ID: SECRET_ACCESS_KEY}):
            return self.unauthorized()
        self._end_jobs()
        if CONFIG.fullmatch(request.path):
            return self._config()
        if match := JOB.fullmatch(request.path):
            job = self.jobs.get(match[3])
            return _error(404, "NoSuchInvalidation") if job is None else _xml(200, _job(job))
        if not (match := JOBS.fullmatch(request.path)):
            return _error(404, "NoSuchResource")
        if match[2] not in (DISTRIBUTION_ID, TENANT_ID):
            return _error(404, "NoSuchDistribution", "The specified distribution does not exist.")
        return self._list() if request.method == "GET" else self._create(request, match[2])

    def throttled(self, seconds: float) -> Response:
        """AWS names no length."""
        return _error(400, "Throttling", "Rate exceeded")

    def unauthorized(self) -> Response:
        """As for a key whose secret is another."""
        return _error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")

    def _create(self, request: Request, owner: str) -> Response:
        try:
            root = ET.fromstring(request.body)
        except ET.ParseError:
            return _error(400, "MissingBody")
        names = {"ns": NAMESPACE}
        items = [item.text or "" for item in root.findall("ns:Paths/ns:Items/ns:Path", names)]
        reference = root.findtext("ns:CallerReference", "", names)
        quantity = int(root.findtext("ns:Paths/ns:Quantity", "0", names))
        if refused := _refused(items, quantity, reference):
            return refused
        standing = next((job for job in self.jobs.values() if job.reference == reference and job.owner == owner), None)
        if standing:
            return self._standing(standing, items)
        return self._over(items) or self._start(owner, reference, items)

    def _standing(self, job: Job, items: Sequence[str]) -> Response:
        job.ends_at = min(job.ends_at, time.monotonic() + self.seconds)
        same = sorted(items) == sorted(job.items)
        if same and self.duplicates != "always":
            return _xml(201, _job(job), Location=f"{self.url}{BASE}/invalidation/{job.id}")
        if self.duplicates == "documented":
            return _error(400, "InvalidationBatchAlreadyExists", "The batch already exists.")
        return _error(400, "InvalidArgument", DUPLICATE)

    def _over(self, items: Sequence[str]) -> Response | None:
        """The answer to a batch above the quota."""
        wild = sum(item.endswith("*") for item in items)
        if self.quota == "concurrency":
            running = [job for job in self.jobs.values() if not job.done]
            paths = sum(len(job.items) - job.wildcards for job in running) + len(items) - wild
            if paths > 3000 or sum(job.wildcards for job in running) + wild > 15:
                self.refuse("concurrency", 0)
                return _error(400, "TooManyInvalidationsInProgress", "Too many invalidations in progress.")
            return None
        for bucket, tokens in ((self.wildcards, wild), (self.paths, len(items) - wild)):
            if tokens and (seconds := bucket.take(tokens)):
                return self.refuse("rate", seconds)
        return None

    def _start(self, owner: str, reference: str, items: list[str]) -> Response:
        job = Job(next(self._ids), owner, reference, items, time.monotonic() + self.seconds)
        self.jobs[job.id] = job
        self.note(verb="invalidation", items=items, reference=reference, id=job.id)
        return _xml(201, _job(job), Location=f"{self.url}{BASE}/distribution/{owner}/invalidation/{job.id}")

    def _end_jobs(self) -> None:
        """Copies go when a job completes; tags do nothing where the distribution reads none."""
        for job in self.jobs.values():
            if not job.done and time.monotonic() >= job.ends_at:
                job.done = True
                self.copies.remove(_doomed(job.items, reads_tags=bool(self.tag_header)))

    def _break(self, fault: Fault, request: Request) -> Response:
        """A job whose answer was lost runs until it is asked for again, however long that takes."""
        known = set(self.jobs)
        try:
            return super()._break(fault, request)
        finally:
            if fault.kind == "lost":
                for name in set(self.jobs) - known:
                    self.jobs[name].ends_at = math.inf

    def _list(self) -> Response:
        jobs = sorted(self.jobs.values(), key=lambda job: job.id, reverse=True)
        shown = "".join(
            f"<InvalidationSummary><Id>{job.id}</Id><CreateTime>{job.created}</CreateTime>"
            f"<Status>{_status(job)}</Status></InvalidationSummary>"
            for job in jobs
        )
        return _xml(
            200,
            "<InvalidationList><Marker></Marker><MaxItems>100</MaxItems><IsTruncated>false</IsTruncated>"
            f"<Quantity>{len(jobs)}</Quantity><Items>{shown}</Items></InvalidationList>",
        )

    def _config(self) -> Response:
        named = (
            f"<CacheTagConfig><HeaderName>{self.tag_header}</HeaderName></CacheTagConfig>" if self.tag_header else ""
        )
        return _xml(
            200,
            "<DistributionConfig><CallerReference>first</CallerReference><Comment></Comment><Enabled>true</Enabled>"
            f"{named}</DistributionConfig>",
            ETag="E2QWRUHEXAMPLE",
        )


def _refused(items: Sequence[str], quantity: int, reference: str) -> Response | None:
    if quantity != len(items):
        return _error(400, "InconsistentQuantities", "The value of Quantity and the size of Items don't match.")
    if len(items) > MAX_BATCH:
        return _error(413, "BatchTooLarge", "Invalidation batch specified is too large.")
    if not items or not reference:
        return _error(400, "InvalidArgument", "The argument is invalid.")
    for item in items:
        if not (TAG.fullmatch(item) or (PATH.fullmatch(item) and len(item) <= MAX_PATH_CHARACTERS)):
            return _error(
                400, "InvalidArgument", f"Your request contains one or more invalid invalidation paths: {item}"
            )
    return None


def _doomed(items: Sequence[str], *, reads_tags: bool) -> Callable[[Copy], bool]:
    paths = {item for item in items if not item.endswith("*")}
    starts = tuple(item[:-1] for item in items if item.endswith("*"))
    by_tag = tagged(item[1:] for item in items if item.startswith("#") and reads_tags)

    def condemned(copy: Copy) -> bool:
        parts = urlsplit(copy.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return path in paths or path.startswith(starts) or by_tag(copy)

    return condemned


def _status(job: Job) -> str:
    return "Completed" if job.done else "InProgress"


def _job(job: Job) -> str:
    items = "".join(f"<Path>{escape(item)}</Path>" for item in job.items)
    return (
        f"<Invalidation><Id>{job.id}</Id><Status>{_status(job)}</Status><CreateTime>{job.created}</CreateTime>"
        f"<InvalidationBatch><Paths><Quantity>{len(job.items)}</Quantity><Items>{items}</Items></Paths>"
        f"<CallerReference>{escape(job.reference)}</CallerReference></InvalidationBatch></Invalidation>"
    )


def _xml(status: int, body: str, **headers: str) -> Response:
    tag = re.match(r"<(\w+)", body)
    root = tag[1] if tag else ""
    named = body.replace(f"<{root}>", f'<{root} xmlns="{NAMESPACE}">', 1)
    return Response(status, f'<?xml version="1.0"?>\n{named}'.encode(), {"Content-Type": "text/xml", **headers})


def _error(status: int, code: str, message: str = "") -> Response:
    return _xml(
        status,
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        "<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>",
    )


def main() -> None:
    """Run from the command line."""
    options = parser(CloudFront)
    options.add_argument("--quota", choices=["rate", "concurrency"], default="rate")
    options.add_argument("--duplicates", choices=["documented", "observed", "always"], default="documented")
    options.add_argument("--seconds", type=float, default=5.0, help="how long a job is in progress")
    options.add_argument("--tag-header", default="Cache-Tag", help='"" for a distribution without tags')
    chosen: Mapping[str, Any] = vars(options.parse_args())
    serve(CloudFront(**chosen))


if __name__ == "__main__":
    main()
