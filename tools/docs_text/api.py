"""The API: services, messages and enums, in the words of the .proto files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)

from tools.docs_text.descriptors import Place, comments, files
from tools.docs_text.tables import table

# Numbers of the fields of descriptor.proto that a place is made of.
MESSAGES, ENUMS, SERVICES, METHODS, FIELDS, VALUES = 4, 5, 6, 2, 2, 2
OWN = ".signerd.v1."
Comments = Mapping[Place, str]


def render() -> str:
    """Services first, then every message and enum by file."""
    found = [(file, comments(file)) for file in files()]
    services = (part for file, told in found for part in _services(file, told))
    types = (part for file, told in found for part in (*_messages(file, told), *_enums(file, told)))
    return "\n\n".join((*services, "## Messages", *types))


def _services(file: FileDescriptorProto, told: Comments) -> Iterator[str]:
    for at, service in enumerate(file.service):
        place = (SERVICES, at)
        yield f"## signerd.v1.{service.name}\n\n{told[place]}\n\n{_methods(service, place, told)}"


def _methods(service: ServiceDescriptorProto, place: Place, told: Comments) -> str:
    rows = [
        (
            f"`{method.name}`",
            ("stream of " if method.client_streaming else "") + _link(method.input_type),
            _link(method.output_type),
            told[*place, METHODS, at],
        )
        for at, method in enumerate(service.method)
    ]
    return table(("method", "request", "answer", "what it does"), rows)


def _messages(file: FileDescriptorProto, told: Comments) -> Iterator[str]:
    for at, message in enumerate(file.message_type):
        place = (MESSAGES, at)
        rows = (
            (f"`{field.name}`", str(field.number), _type(field, message), told[*place, FIELDS, index])
            for index, field in enumerate(message.field)
        )
        fields = table(("field", "number", "type", "meaning"), rows)
        yield f"### {message.name}\n\n{told[place]}\n\n{fields}"


def _enums(file: FileDescriptorProto, told: Comments) -> Iterator[str]:
    for at, enum in enumerate(file.enum_type):
        yield f"### {enum.name}\n\n{told[ENUMS, at]}\n\n{_values(enum, at, told)}"


def _values(enum: EnumDescriptorProto, at: int, told: Comments) -> str:
    rows = (
        (f"`{value.name}`", str(value.number), told[ENUMS, at, VALUES, index])
        for index, value in enumerate(enum.value)
    )
    return table(("value", "number", "meaning"), rows)


def _type(field: FieldDescriptorProto, message: DescriptorProto) -> str:
    name = _link(field.type_name) if field.type_name else _scalar(field)
    if field.type_name.endswith("Entry"):
        return "map of string to string"
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {name}"
    if field.proto3_optional:
        return f"optional {name}"
    if field.HasField("oneof_index"):
        return f"{name}, one of `{message.oneof_decl[field.oneof_index].name}`"
    return name


def _scalar(field: FieldDescriptorProto) -> str:
    return FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def _link(type_name: str) -> str:
    if type_name.startswith(OWN):
        name = type_name.removeprefix(OWN)
        return f"[{name}](#{name.lower()})"
    return f"`{type_name.removeprefix('.')}`"
