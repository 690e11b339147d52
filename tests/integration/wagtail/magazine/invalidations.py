"""What the how-to says."""

from __future__ import annotations

from invalidation.contrib.wagtail import register_pages

register_pages()
