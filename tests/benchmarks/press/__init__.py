"""An app like the reference blog's, for a Django with the invalidation app and for one without."""
