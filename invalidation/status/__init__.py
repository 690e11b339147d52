"""The reading side: how far a purge is, what one would do, and is it wide? Nothing in the pipeline imports it."""
