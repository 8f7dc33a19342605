"""The client of the shop's API, the subscription and its secrets."""
