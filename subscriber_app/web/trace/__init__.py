"""The page with the trace of a message. Reading order: pages, labels, drawing."""
