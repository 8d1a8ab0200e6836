"""Writes whole numbers without a point: to JSON Schema 382.0 is one, and to the API it is not (schemas/README.md)."""

import schemathesis


@schemathesis.hook
def map_body(context, body):  # noqa: ARG001
    return whole(body)


def whole(value):
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [whole(inner) for inner in value]
    return value
