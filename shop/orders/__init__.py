"""Orders: the catalog, placing an order, shipping and refunding it."""
