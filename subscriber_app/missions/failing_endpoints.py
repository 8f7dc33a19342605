"""The addresses that missions register as endpoints, and that fail on purpose. Pure."""

from urllib.parse import urlsplit

HANGING_QUERY = "hang"  # of the receiver's URL: it then never responds, and keeps nothing
# A name for which the shop looks up another address each time: see docs/access.md.
CHANGING_NAME = "changes-its-mind.hookshop.test"


def hanging_url(receiver_url: str) -> str:
    """Return the URL of a receiver that never responds."""
    return f"{receiver_url}?{HANGING_QUERY}"


def changing_url(base_url: str) -> str:
    """Return a URL with the name that changes its mind, and scheme, port and path of this one."""
    ours = urlsplit(base_url)
    port = f":{ours.port}" if ours.port else ""
    return f"{ours.scheme}://{CHANGING_NAME}{port}{ours.path}/"


def hangs(url: str) -> bool:
    """Return whether a subscriber never responds to requests to this URL."""
    return url.endswith(f"?{HANGING_QUERY}")


def changes_its_mind(url: str) -> bool:
    """Return whether its host is the name that changes its mind."""
    return f"//{CHANGING_NAME}" in url


def fails_on_purpose(url: str) -> bool:
    """Return whether a mission has registered this URL."""
    return hangs(url) or changes_its_mind(url)
