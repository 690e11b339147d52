"""A small blog whose pages are cached by every tier."""
