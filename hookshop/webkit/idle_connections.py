"""How many seconds an idle HTTP connection stays open: with our servers longer than our clients.

A server that closes a connection just when a request arrives on it resets that request.
"""

SERVER_SECONDS = 5
CLIENT_SECONDS = 2
