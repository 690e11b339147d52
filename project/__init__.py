"""Reference site: a blog behind Redis, Varnish and Nginx that shows the app at work."""

from __future__ import annotations

from workers import app as celery_app

__all__ = ["celery_app"]
