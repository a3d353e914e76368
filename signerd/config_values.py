"""What settings are made of: sections, paths, sizes, durations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from signerd.core.locations import check_socket_path
from signerd.core.quantities import parse_duration, parse_mode, parse_size, split_address
from signerd.errors import SignerdError


def _resolve(value: object, info: ValidationInfo) -> Path:
    """A path; relative ones start at the config file's directory (`base` of the context)."""
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError("is not a path")
    path = Path(value)
    base: Path = (info.context or {}).get("base", Path("/"))
    return base / path


def _check_socket(value: Path) -> Path:
    try:
        check_socket_path(str(value))
    except SignerdError as error:
        raise ValueError(error.message) from None
    return value


def _check_address(value: str) -> str:
    split_address(value)
    return value


def check_mode(value: object) -> object:
    """Give the mode back if it is one; raises ValueError."""
    parse_mode(value)
    return value


NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
Name = Annotated[str, Field(pattern=NAME)]
FilePath = Annotated[Path, BeforeValidator(_resolve)]
SocketPath = Annotated[Path, BeforeValidator(_resolve), AfterValidator(_check_socket)]
Size = Annotated[int, BeforeValidator(parse_size)]
Duration = Annotated[float, BeforeValidator(parse_duration)]
Address = Annotated[str, AfterValidator(_check_address)]


def problem(field: str, text: str) -> PydanticCustomError:
    """An error of a model that stands at one of its fields."""
    return PydanticCustomError("contradiction", "{text}", {"field": field, "text": text})


class Section(BaseModel):
    """What all parts of the configuration have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)
