"""Checks the first signature of the list alone."""

from email.message import Message

from tests.receivers.right import plain


def signatures(headers: Message) -> list[str]:
    return plain.header(headers, "webhook-signature").split(" ")[:1]


plain.signatures = signatures
plain.main()
