"""What the CDNs' APIs and edges share."""
