"""Orders: what can be bought, how an order is placed, and what happens to it later."""
