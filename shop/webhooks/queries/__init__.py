"""Queries for pages, the JSON API and metrics."""
