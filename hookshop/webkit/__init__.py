"""The parts of a small web application: from its settings to its live pages. Knows no webhooks."""
