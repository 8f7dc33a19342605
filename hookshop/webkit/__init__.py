"""Parts of a small web application, from settings to live pages. Nothing here is about webhooks."""
