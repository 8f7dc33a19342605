"""The subscriber's database: its tables, and how transactions are opened."""
