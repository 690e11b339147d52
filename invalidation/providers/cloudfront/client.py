"""boto3's client for CloudFront: invalidations of a distribution or a tenant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from invalidation.providers.cloudfront.errors import Duplicate, translated
from invalidation.providers.cloudfront.signed import sent_by_us

#: How many of the newest jobs are looked through for one that was started under our reference.
RECENT_JOBS = 20


class Invalidations:
    """The invalidation jobs of one distribution, or of one of its tenants."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """`options` are the tier's, all of them present; nothing is connected yet (F7)."""
        self._options = options
        self._distribution = options["DISTRIBUTION_ID"]
        self._tenant = options["DISTRIBUTION_TENANT_ID"]

    @cached_property
    def _client(self) -> Any:
        return connect(self._options)

    def tag_header(self) -> str:
        """The header in which the distribution reads tags; "" where it reads none."""
        with translated():
            configuration = self._client.get_distribution_config(Id=self._distribution)["DistributionConfig"]
            return str(configuration.get("CacheTagConfig", {}).get("HeaderName", ""))

    def create(self, items: Sequence[str], reference: str) -> Mapping[str, Any]:
        """Start a job, or find the one that an earlier attempt has started under the same reference."""
        batch = {"Paths": {"Quantity": len(items), "Items": list(items)}, "CallerReference": reference}
        try:
            with translated():
                return self._create(batch)
        except Duplicate:
            if job := self._started_before(reference):
                return job
            raise

    def get(self, job: str) -> Mapping[str, Any]:
        """How a job stands."""
        with translated():
            if self._tenant:
                get = self._client.get_invalidation_for_distribution_tenant
                return _job(get(DistributionTenantId=self._tenant, Id=job))
            return _job(self._client.get_invalidation(DistributionId=self._distribution, Id=job))

    def _create(self, batch: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._tenant:
            create = self._client.create_invalidation_for_distribution_tenant
            return _job(create(Id=self._tenant, InvalidationBatch=batch))
        create = self._client.create_invalidation
        return _job(create(DistributionId=self._distribution, InvalidationBatch=batch))

    def _started_before(self, reference: str) -> Mapping[str, Any] | None:
        jobs = map(self.get, self._recent())
        return next((job for job in jobs if _reference(job) == reference), None)

    def _recent(self) -> list[str]:
        with translated():
            if self._tenant:
                answer = self._client.list_invalidations_for_distribution_tenant(Id=self._tenant, MaxItems=RECENT_JOBS)
            else:
                answer = self._client.list_invalidations(DistributionId=self._distribution, MaxItems=str(RECENT_JOBS))
            return [job["Id"] for job in answer["InvalidationList"].get("Items", [])]


def _job(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The job in an answer, which tells its name and how it stands; KeyError where it doesn't."""
    job = dict(document["Invalidation"])
    for name in ("Id", "Status"):
        if not job.get(name):
            raise KeyError(name)
    return job


def _reference(job: Mapping[str, Any]) -> str:
    return str(job.get("InvalidationBatch", {}).get("CallerReference", ""))


def connect(options: Mapping[str, Any]) -> Any:
    """A client with the tier's credentials, or those of the environment, that never tries twice by itself.

    Raises:
        ImproperlyConfigured: boto3 is not installed.
    """
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise ImproperlyConfigured("CloudFront needs boto3: pip install django-invalidation[cloudfront].") from error
    # The default mode differs between botocore's releases; the pipeline decides when to try again.
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    client = boto3.session.Session().client(
        "cloudfront",
        region_name="us-east-1",
        endpoint_url=options["ENDPOINT_URL"],
        aws_access_key_id=options["ACCESS_KEY_ID"],
        aws_secret_access_key=options["SECRET_ACCESS_KEY"],
        aws_session_token=options["SESSION_TOKEN"],
        config=config,
    )
    return sent_by_us(client, options["TIMEOUT_SECONDS"])
