"""What the subscriber serves over HTTP: receiver, JSON API, pages and live updates."""
