"""The pages that a test decides, and the admin beside them."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from tests.integration.freshness import pages

urlpatterns = [path("admin/", admin.site.urls), *pages.urlpatterns]
