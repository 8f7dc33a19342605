"""What the subscriber serves over HTTP: receiver, JSON API, dashboard, live updates."""
