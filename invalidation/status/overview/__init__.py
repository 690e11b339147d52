"""The pipeline at a glance, for the person on call: what stands in the way, how each node does, how it went."""
