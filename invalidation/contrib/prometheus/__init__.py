"""Metrics for Prometheus: put `invalidation.contrib.prometheus` into `INSTALLED_APPS`; needs the extra `prometheus`."""
