"""Querysets as cached values: keys and tags come from the query itself."""
