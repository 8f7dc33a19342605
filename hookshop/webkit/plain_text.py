"""The rule for a line of text for people, such as a name. One rule for the forms and the API.

It goes by Unicode category, since ``str.isprintable`` is both too strict (it refuses the joiners of
Persian names and family emoji, and no-break spaces) and not meant for people's text.
"""

import unicodedata

MAX_NAME_LENGTH = 100  # characters
MAX_DESCRIPTION_LENGTH = 200  # characters

# Controls; format signs, such as those that turn the direction of writing; surrogates; separators
# of lines and paragraphs.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Zero-width non-joiner and joiner: format signs, but part of how words and emoji are spelled.
_JOINERS = frozenset("\u200c\u200d")


def text_problem(text: str, *, longest: int) -> str:
    """Return what is wrong with a line of text, as a sentence, or an empty string."""
    if len(text) > longest:
        return f"Use at most {longest} characters; these are {len(text)}."
    if not all(map(_is_allowed, text)):
        return "Use printable characters only."
    return ""


def insist_on_line(name: str, text: str, *, longest: int) -> None:
    """Raise ``ValueError`` unless ``text``, the field ``name`` of a JSON body, is such a line."""
    if len(text) > longest:
        raise ValueError(f"{name} has at most {longest} characters")
    for position, character in enumerate(text):
        if not _is_allowed(character):
            raise ValueError(
                f"{name} must be one line of printable characters; "
                f"character {position + 1} is U+{ord(character):04X}"
            )


def _is_allowed(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _REFUSED_CATEGORIES
