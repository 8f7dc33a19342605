"""Describes bodies and parameters as JSON Schema, with examples, as OpenAPI documents need it.

msgspec describes the bodies because it also decodes and encodes them: so names, bounds and enums
are those of the code.
"""

import re
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from types import NoneType
from typing import Any, get_args

import msgspec

REFERENCE = "#/components/schemas/"
# A struct has this suffix where a table has the plain name.
SUFFIX = "Document"

Json = dict[str, Any]

_PLAIN_EXAMPLES = {"boolean": False, "integer": 1, "number": 1.0, "string": "…", "object": {}}


@dataclass(frozen=True, slots=True)
class Schemas:
    """The named schemas that a document has so far."""

    named: dict[str, Json] = field(default_factory=dict)

    def of(self, kind: Any) -> Json:
        """Return the schema of a type; structs and enums are references to named schemas."""
        [schema], components = msgspec.json.schema_components(
            [kind], ref_template=f"{REFERENCE}{{name}}"
        )
        for name, component in components.items():
            self.named[name.removesuffix(SUFFIX)] = _tidy(component)
        tidy: Json = _tidy(schema)
        return tidy

    def content(
        self, kind: Any, media_type: str = "application/json", example: Json | None = None
    ) -> Json:
        """Return a body of this type, with an example."""
        schema = self.of(kind)
        return {media_type: {"schema": schema, "example": example or self.example(schema)}}

    def example(self, schema: Json) -> Any:
        """Return an example, composed of those of the fields.

        A field that may be absent is in it only if it has an example of its own.
        """
        for given in ("examples", "enum"):
            if given in schema:
                return schema[given][0]
        if "$ref" in schema:
            return self.example(self.named[schema["$ref"].removeprefix(REFERENCE)])
        if "anyOf" in schema:
            return self.example(schema["anyOf"][0])
        if schema.get("type") == "array":
            return [self.example(schema["items"])]
        if "properties" in schema:
            return self._example_of_object(schema)
        return schema.get("default", _PLAIN_EXAMPLES.get(schema.get("type", "")))

    def _example_of_object(self, schema: Json) -> Json:
        required = schema.get("required", [])
        return {
            name: self.example(member)
            for name, member in schema["properties"].items()
            if name in required or "examples" in member
        }


def without_none(kind: Any) -> Any:
    """Return ``X`` for ``X | None``. The metadata of the union is dropped."""
    union = kind.__origin__ if hasattr(kind, "__metadata__") else kind
    members = get_args(union)
    if NoneType not in members:
        return kind
    return reduce(or_, [each for each in members if each is not NoneType])


def as_markdown(text: str) -> str:
    """Return the text of a docstring as Markdown."""
    return text.replace("``", "`")


def _tidy(schema: Any) -> Any:
    """Return msgspec's schema without class names, and with the type of enums."""
    if isinstance(schema, list):
        return [_tidy(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    # A member may be named "title", too: its value is a schema.
    tidy = {
        name: _tidy(value)
        for name, value in schema.items()
        if name != "title" or isinstance(value, dict)
    }
    if "$ref" in tidy:
        tidy["$ref"] = re.sub(f"{SUFFIX}$", "", tidy["$ref"])
    if isinstance(tidy.get("description"), str):
        tidy["description"] = as_markdown(tidy["description"])
    if "enum" in tidy and all(isinstance(each, str) for each in tidy["enum"]):
        tidy = {"type": "string", **tidy}
    return tidy
