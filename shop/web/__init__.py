"""Everything that the shop serves over HTTP: storefront, dashboard, JSON API, live updates."""
