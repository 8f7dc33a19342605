"""Everything that uses Redis. Losing its data is harmless: all state is in the database."""
