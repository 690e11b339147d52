"""`invalidation_token`."""
