"""Automatic tags: what a page reads through the ORM while it renders becomes its tags."""
