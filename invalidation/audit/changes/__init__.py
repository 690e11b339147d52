"""Committed changes of registered models, held against the events of their transactions (PostgreSQL)."""
