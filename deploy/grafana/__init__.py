"""The dashboard for Grafana, written by `python -m deploy.grafana.dashboard`."""
