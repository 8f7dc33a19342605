"""What the shop uses Redis for. Nothing here is the truth: the database is."""
