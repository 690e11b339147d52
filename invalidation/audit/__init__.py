"""The audit: changes that no event tells of, tags that no page carries, pages that no purge can reach."""
