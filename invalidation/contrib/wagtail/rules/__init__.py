"""Rules for what Wagtail stores, by what it is."""
