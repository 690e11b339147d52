"""Found by Wagtail, as in every app: pages and documents are tagged when they are served."""

from __future__ import annotations

from wagtail import hooks

from invalidation.contrib.wagtail import serving

hooks.register("before_serve_page", serving.tag_page)
hooks.register("before_serve_document", serving.tag_document)
