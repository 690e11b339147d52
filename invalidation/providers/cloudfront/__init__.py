"""CloudFront: the provider and boto3's client beneath it."""

from __future__ import annotations

from invalidation.providers.cloudfront.purging import CloudFront

__all__ = ["CloudFront"]
