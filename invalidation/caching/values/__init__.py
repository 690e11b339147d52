"""The tagged cache: when a value may be stored, how it is, and when it may be used."""
