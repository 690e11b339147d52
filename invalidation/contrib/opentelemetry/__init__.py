"""Traces: put `invalidation.contrib.opentelemetry` into `INSTALLED_APPS`; needs the extra `opentelemetry`."""
