"""Sandboxes of the shop: making, finding, emptying and dropping them."""
