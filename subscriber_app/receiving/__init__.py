"""From a request to a booked purchase: verify, decide, book."""
