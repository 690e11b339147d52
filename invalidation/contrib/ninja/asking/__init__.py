"""Who asks, whether they may, and whether they have asked that already."""
