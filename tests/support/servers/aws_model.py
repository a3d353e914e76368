"""The SDK's own model of the service: which fields an operation takes, and which values."""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel

from tests.support.servers.aws_signing import Refusal, invalid

Fields = dict[str, Any]


@cache
def service() -> ServiceModel:
    return botocore.session.get_session().get_service_model("kms")


def check_fields(operation: str, given: Fields) -> None:
    """Refuse what the operation does not have, lacks, or what is not of its enumeration."""
    shape = service().operation_model(operation).input_shape
    members = shape.members if shape else {}
    if unknown := given.keys() - members.keys():
        raise Refusal("SerializationException", f"unknown fields {sorted(unknown)}")
    for name in shape.required_members if shape else []:
        if name not in given:
            raise invalid(
                f"Value null at '{name[0].lower()}{name[1:]}' failed to satisfy constraint: not null"
            )
    for name, value in given.items():
        allowed = members[name].metadata.get("enum")
        if allowed and value not in allowed:
            raise enumeration(name, value, allowed)


def enumeration(name: str, value: str, allowed: list[str]) -> Refusal:
    shown = f"{name[0].lower()}{name[1:]}"
    return invalid(
        f"Value '{value}' at '{shown}' failed to satisfy constraint: "
        f"Member must satisfy enum value set: [{', '.join(allowed)}]"
    )
