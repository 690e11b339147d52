"""Rows of registered models: their columns, the state they were loaded in and what they were before."""
