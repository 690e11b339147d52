"""Integrations, each with an extra of its name; nothing else of the app imports them."""
