"""The rules of delivering, as pure functions: no database, network, clock or random source."""
