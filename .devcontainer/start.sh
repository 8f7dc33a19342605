#!/bin/sh
# Starts the demo in a hosted editor.
set -eu
cd "$(dirname "$0")/.."

# GitHub Codespaces serves each port under a name of its own.
if [ -n "${CODESPACE_NAME:-}" ]; then
	domain=${GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN:-app.github.dev}
	export SHOP_ALLOWED_HOSTS="$CODESPACE_NAME-8000.$domain"
	export SUBSCRIBER_ALLOWED_HOSTS="$CODESPACE_NAME-8001.$domain"
	export SHOP_SUBSCRIBER_URL="https://$CODESPACE_NAME-8001.$domain"
fi

exec make demo
