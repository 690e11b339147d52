"""Registers what is changed with the product; discovered by the app."""

from __future__ import annotations

import invalidation
from tests.chaos import site
from tests.chaos.models import Thing
from tests.chaos.rules import ThingRules

if not site.is_naive():
    invalidation.register(Thing, rules=ThingRules)
