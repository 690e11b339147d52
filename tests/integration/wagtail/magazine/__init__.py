"""A magazine made with Wagtail."""
