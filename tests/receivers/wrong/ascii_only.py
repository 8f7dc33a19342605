"""Reads the body as ASCII before it verifies the bytes."""

from tests.receivers.right import plain


def signed_bytes(body: bytes) -> bytes:
    return body.decode("ascii", errors="replace").encode()


plain.signed_bytes = signed_bytes
plain.main()
