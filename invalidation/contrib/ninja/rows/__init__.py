"""Rows of tokens and of answers: each table is written by one module."""
