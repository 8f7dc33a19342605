"""Links that the steps of several missions have. Pure."""

from subscriber_app.missions.mission import App, Link

SHOP = Link("Open the shop", App.SHOP, "/")
SET_SCRIPT = Link("Set a fault", App.SUBSCRIBER, "/faults?mode=script")
RESPOND_NORMALLY = Link("Respond normally…", App.SUBSCRIBER, "/faults")
FLOW = Link("Flow", App.SHOP, "/flow")
DELIVERY = Link("Delivery", App.SHOP, "/deliveries/{delivery}", "/deliveries")
FAILING_DELIVERY = Link("Delivery", App.SHOP, "/deliveries/{elsewhere}", "/deliveries")
ENDPOINT = Link("Endpoint", App.SHOP, "/endpoints/{endpoint}", "/endpoints")
ENDPOINTS = Link("Endpoints", App.SHOP, "/endpoints")
SUBSCRIPTION = Link("Subscription", App.SUBSCRIBER, "/subscription")
TRACE = Link("Show trace", App.SUBSCRIBER, "/story?message_id={message}", "/story")
POLLING = Link("Polling", App.SUBSCRIBER, "/polling")
EDITOR = Link("Editor", App.SUBSCRIBER, "/receipts/{receipt}/editor", "/")

# Of the Build track.
RECEIVER = Link("Your receiver", App.SUBSCRIBER, "/missions/receiver")
RECEIVERS = Link("Receivers to begin with", App.SUBSCRIBER, "/learn#take-along")
READING = Link(
    "How to read a body", App.SUBSCRIBER, "/learn/docs/receivers#2-read-the-raw-body-with-limits"
)
VERIFYING = Link(
    "How to verify", App.SUBSCRIBER, "/learn/docs/receivers#3-verify-that-it-is-genuine"
)
OWN_ENDPOINT = Link("Your endpoint", App.SHOP, "/endpoints/{endpoint}", "/endpoints")
