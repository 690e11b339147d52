"""What a change makes stale."""

from __future__ import annotations

import invalidation
from tests.adoption.served.models import Post

invalidation.register(Post)
