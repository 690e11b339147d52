"""Pages of the admin that are no list: the dashboard, one event, the doctor."""
