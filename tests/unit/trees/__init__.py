"""Trees of rows as django-treebeard and django-mptt keep them; their tables need no migrations."""
