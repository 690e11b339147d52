"""Commits become messages, at no request's expense."""
