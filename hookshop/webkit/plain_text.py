"""Lines of text: the rule for a name, which forms and the API share, and escaping for logs.

The rule uses Unicode categories. ``str.isprintable`` would be too strict: it refuses no-break
spaces and the joiners in Persian names and family emoji.
"""

import unicodedata

MAX_NAME_LENGTH = 100  # characters
MAX_DESCRIPTION_LENGTH = 200  # characters

# Control characters; format characters, such as those that change the direction of writing;
# surrogates; line and paragraph separators.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Zero-width non-joiner and joiner: format characters, but words and emoji need them.
_JOINERS = frozenset("\u200c\u200d")


def text_problem(text: str, *, max_length: int) -> str:
    """Return a sentence about what is wrong with a line of text, or an empty string."""
    if len(text) > max_length:
        return f"Use at most {max_length} characters; these are {len(text)}."
    if not all(map(_is_allowed, text)):
        return "Use printable characters only."
    return ""


def require_text_line(name: str, text: str, *, max_length: int) -> None:
    """Raise ``ValueError`` if ``text``, the field ``name`` of a JSON body, breaks the rule."""
    if len(text) > max_length:
        raise ValueError(f"{name} has at most {max_length} characters")
    for position, character in enumerate(text):
        if not _is_allowed(character):
            raise ValueError(
                f"{name} must be one line of printable characters; "
                f"character {position + 1} is U+{ord(character):04X}"
            )


def escape_unprintable(text: str) -> str:
    """Return the text with each unprintable character escaped, so that it stays one line.

    Use it wherever text goes to a terminal or a log: control characters erase lines there or change
    colors, and format characters change the direction of writing.
    """
    if text.isprintable():  # stricter than needed, but a hundred times faster
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def _is_allowed(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _REFUSED_CATEGORIES


def sentence(text: str) -> str:
    """Return a message of an exception as a sentence for a page."""
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
