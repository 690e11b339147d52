"""For the tests of who uses the app: what a change invalidates, what a page is tagged with. No server is asked."""

from invalidation.testing.assertions import assert_invalidates, assert_not_invalidates, recorded
from invalidation.testing.offline import offline
from invalidation.testing.pages import page_tags
from invalidation.testing.recording import Recording

__all__ = ["Recording", "assert_invalidates", "assert_not_invalidates", "offline", "page_tags", "recorded"]
