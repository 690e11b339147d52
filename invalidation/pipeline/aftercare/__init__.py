"""Fourth stage: what comes after a purge: again, verified, swept, replayed, pruned."""
