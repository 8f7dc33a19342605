"""The missions on pages and in the JSON API, and the strip with the current one."""
