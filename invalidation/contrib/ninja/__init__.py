"""The HTTP API: put `invalidation.contrib.ninja` into `INSTALLED_APPS` and include its `urls`; needs `ninja`."""
