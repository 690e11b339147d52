"""Settings of the reference site, one module per environment; `environment` alone reads the process environment."""
