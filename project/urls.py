"""Routes of the reference site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from project import probes

urlpatterns = [
    path("admin/", admin.site.urls),
    path("health/", probes.health, name="health"),
    path("health/ready/", probes.ready, name="ready"),
    path("api/invalidation/", include("invalidation.contrib.ninja.urls")),
    path("metrics", probes.metrics, name="metrics"),
    path("", include("project.blog.urls")),
]
