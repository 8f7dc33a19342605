"""The label of a state on a page: word, shape and tone, so that no reader depends on color alone.

Each application has one table with the labels of its states.
"""

from typing import Literal, NamedTuple

Tone = Literal["good", "bad", "waiting", "busy", "muted"]


class StateLabel(NamedTuple):
    """The label of a state.

    ``shape``: a drawing in ``templates/shared/macros.html``. ``tone``: a color in
    ``static/css/tokens.css``.
    """

    word: str
    shape: str
    tone: Tone
