"""How a state looks on a page: shape, tone and word, so that no reader depends on color alone.

Each application has one table of its own states, and everything that shows a state reads it there.
"""

from typing import Literal, NamedTuple

Tone = Literal["good", "bad", "waiting", "busy", "muted"]


class StateLabel(NamedTuple):
    """A state on a page.

    `shape`: a drawing of templates/shared/macros.html. `tone`: a color of static/css/tokens.css.
    """

    word: str
    shape: str
    tone: Tone
