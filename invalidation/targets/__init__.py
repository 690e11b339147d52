"""What is stale, in pure values and functions: every layer speaks in them."""
