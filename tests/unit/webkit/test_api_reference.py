"""The reference of a JSON API, from its OpenAPI document."""

from hookshop.webkit.api_reference import Field, Response, read_groups

DOCUMENT = {
    "tags": [{"name": "Orders", "description": "What is bought."}],
    "components": {
        "schemas": {
            "NewOrder": {
                "type": "object",
                "required": ["items"],
                "properties": {
                    "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
            },
            "Item": {"type": "string", "enum": ["mug", "hook"]},
        }
    },
    "paths": {
        "/v1/orders/{id}": {
            "put": {
                "operationId": "replaceOrder",
                "tags": ["Orders"],
                "summary": "Replace an order",
                "description": "Replace an order.\n\nOnly the `admin` may.",
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
                ],
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/NewOrder"},
                            "example": {"items": ["mug"]},
                        }
                    }
                },
                "responses": {
                    "200": {"description": "OK"},
                    "404": {"description": "There is no such order."},
                },
            }
        }
    },
}


def test_a_call_has_its_parameters_fields_examples_and_responses() -> None:
    [group] = read_groups(DOCUMENT)
    [operation] = group.operations

    assert group.name == "Orders"
    assert (operation.method, operation.path) == ("PUT", "/v1/orders/{id}")
    assert operation.description == "Only the `admin` may"
    assert operation.fields == [
        Field("id", "path", "string", is_required=True, description=""),
        Field("items", "body", "array of mug | hook", is_required=True, description=""),
        Field("note", "body", "string | null", is_required=False, description=""),
    ]
    assert operation.request_example == '{\n  "items": [\n    "mug"\n  ]\n}'
    assert operation.response_example == ""
    assert operation.responses == [
        Response("200 OK", ""),
        Response("404 Not Found", "There is no such order."),
    ]
