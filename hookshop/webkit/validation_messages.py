"""Says in the words of JSON what msgspec says in those of Python."""

import re

_JSON_WORDS = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "datetime": "date-time",
}
_PYTHON_TYPE = re.compile(rf"`({'|'.join(_JSON_WORDS)})( \| null)?`")
_PHRASES = {
    "Invalid RFC3339 encoded datetime": "Expected a time such as 2026-11-23T12:00:00Z",
    "`date-time` with a timezone component": "a time with a zone, such as 2026-11-23T12:00:00Z",
}
_PATTERN = re.compile(r" matching regex '.*'")


def in_json_words(message: str) -> str:
    """Return the message of a msgspec error as a client of a JSON API understands it."""
    message = _PYTHON_TYPE.sub(lambda found: f"`{_JSON_WORDS[found[1]]}{found[2] or ''}`", message)
    for theirs, ours in _PHRASES.items():
        message = message.replace(theirs, ours)
    return _PATTERN.sub(" of the documented pattern", message)
