"""Pure rules of delivering: no database, no network, no clock and no dice of their own."""
