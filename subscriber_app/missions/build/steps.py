"""Steps that several missions of the Build track have."""

from subscriber_app.missions.links import RECEIVER
from subscriber_app.missions.mission import Step

CHECK = Step(
    "Start your receiver again after each change, and choose “Check my receiver”. The exam of the "
    "shop sends it each case of the list and judges the response. The scorecard shows every "
    "request as a curl command."
)
ADD_PROBE = Step(
    "The exam must see what your receiver does, not only what it answers. Add a probe: an address "
    'that answers GET ?message_id=… with {"times": 1}: how often this message had an effect. The '
    "receivers to begin with have one: /effects.",
    RECEIVER,
)
