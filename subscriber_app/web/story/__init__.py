"""The story of a message, across both applications. Reading order: pages, words, drawing."""
