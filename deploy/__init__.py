"""Configurations of the servers around the application, and a runner for them on one machine."""
