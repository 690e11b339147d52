"""What a cache or a vendor says, before the product takes it in: secrets, bounds, pauses."""
