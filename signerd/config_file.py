"""From a YAML file, or none, to a Config: defaults filled in, problems with their lines and the nearest valid name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from signerd.config import Config
from signerd.config_nodes import MAX_BYTES, Document, Location, NotYaml, Problem, dotted, line_of, parse
from signerd.core import locations
from signerd.errors import Reason, SignerdError

_TEXTS = {
    "missing": "is missing",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "model_type": "must be a section of settings",
    "model_attributes_type": "must be a section of settings",
    "mapping_type": "must be a section of settings",
    "tuple_type": "must be a list",
    "string_pattern_mismatch": "has characters that are not allowed; it must match {pattern}",
    "literal_error": "must be {expected}",
    "union_tag_invalid": "must have a type of {expected_tags}",
    "union_tag_not_found": "has no type",
    "invalid_key": "has a name that is not text",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "is empty",
}


class ConfigInvalid(SignerdError):
    """The config file has problems: all of them, in the order of their lines."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        super().__init__(
            Reason.CONFIG_INVALID,
            "\n".join(problem.shown(file) for problem in self.problems),
            field=self.problems[0].path,
        )


def load(path: Path, env: Mapping[str, str]) -> Config:
    """Read a config file; raises ConfigInvalid, or CONFIG_INVALID where it can't be read."""
    return read(contents_of(path), str(path), path.absolute().parent, env)


def contents_of(path: Path) -> bytes:
    """The bytes of a config file, but not many more than it may have. Raises CONFIG_INVALID."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SignerdError(
            Reason.CONFIG_INVALID, f"config file {path} can't be read: {error.strerror}", field="--config"
        ) from None


def read(raw: bytes, name: str, base: Path, env: Mapping[str, str]) -> Config:
    """Config of a file's content; relative paths start at `base`. Raises ConfigInvalid."""
    try:
        if len(raw) > MAX_BYTES:
            raise NotYaml(Problem(1, "", f"is larger than {MAX_BYTES} bytes"))
        document = parse(raw.decode())
    except UnicodeDecodeError:
        raise ConfigInvalid(name, [Problem(1, "", "is not UTF-8")]) from None
    except NotYaml as error:
        raise ConfigInvalid(name, [error.problem]) from None
    if not isinstance(document.data, dict | None):
        raise ConfigInvalid(name, [Problem(1, "", "must be a section of settings")])
    try:
        return Config.model_validate(_filled(document.data or {}, base, env), context={"base": base})
    except ValidationError as error:
        raise ConfigInvalid(name, list(_problems(error, document))) from None


def embedded(env: Mapping[str, str]) -> Config:
    """The configuration without a file: everything under the home directory, nothing on the network."""
    return read(b"", "built-in configuration", Path.cwd(), env)


def _filled(data: dict[object, object], base: Path, env: Mapping[str, str]) -> dict[object, object]:
    """The settings of a file with all defaults that depend on other settings."""
    own = data.get("home")
    home = base / own if isinstance(own, str) and own else Path(locations.home(env)).absolute()
    state: dict[str, object] = {"url": f"sqlite:///{home / 'state.db'}", "key_file": str(home / "state.key")}
    local = {"type": "local", "directory": str(home / "keys")}
    filled: dict[object, object] = {
        "home": str(home),
        "listeners": [{"name": "local", "unix": locations.default_socket(str(home))}],
        "providers": {"local": local},
    }
    filled |= data
    filled["state"] = _over(state, data.get("state"))
    filled["audit"] = _over({"directory": str(home / "audit")}, data.get("audit"))
    names = list(filled["providers"]) if isinstance(filled["providers"], dict) else []
    if len(names) <= 1:
        filled.setdefault("default_provider", str(names[0]) if names else "local")
    return filled


def _over(defaults: dict[str, object], given: object) -> object:
    """A section's defaults below what the file says; what is no section is left to validation."""
    if given is None:
        return defaults
    return defaults | given if isinstance(given, dict) else given


def _problems(error: ValidationError, document: Document) -> Iterator[Problem]:
    details = error.errors(include_input=False, include_url=False)
    found = [_problem(detail, document) for detail in details if not _echo(detail, details)]
    yield from sorted(found, key=lambda problem: (problem.line, problem.path))


def _echo(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """Whether a list counts as too short only because its items have problems of their own."""
    at = detail["loc"]
    return detail["type"] == "too_short" and any(
        other["loc"][: len(at)] == at != other["loc"] for other in details
    )


def _problem(detail: ErrorDetails, document: Document) -> Problem:
    context = detail.get("ctx", {})
    location = _in_file(detail["loc"])
    if detail["type"] == "contradiction":
        location = (*location, context["field"])
    return Problem(line_of(document.root, location), dotted(location), _text(detail, location))


def _text(detail: ErrorDetails, location: Location) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(str(location[-1]), _fields(Config, location[:-1]))
    if kind == "value_error":
        return str(context["error"])
    if kind in _TEXTS:
        return _TEXTS[kind].format(**context)
    return detail["msg"][:1].lower() + detail["msg"][1:]


def _unknown(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
    return f"is no setting; {hint}"


def _fields(model: type[BaseModel], location: Location) -> list[str]:
    """Names of the settings that stand at a location of the file."""
    kinds = _descend([model], location)
    return sorted({name for kind in kinds for name in kind.model_fields})


def _descend(kinds: list[type[BaseModel]], location: Location) -> list[type[BaseModel]]:
    for part in location:
        if isinstance(part, int):
            continue
        below = [kind.model_fields[part].annotation for kind in kinds if part in kind.model_fields]
        # A name in a mapping (a provider's) leads to no field: what it names is already in `kinds`.
        kinds = [model for annotation in below for model in _models(annotation)] if below else kinds
    return kinds


def _models(annotation: object) -> list[type[BaseModel]]:
    """The models in an annotation, whatever stands around them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Literal, None):
        return []
    return [model for argument in get_args(annotation) for model in _models(argument)]


def _in_file(location: Location) -> Location:
    """A location as the file has it: pydantic puts `[key]` and the type of a provider or sink into its own."""
    plain = tuple(part for part in location if part != "[key]")
    before = 2 if plain[:1] == ("providers",) else 3 if plain[:2] == ("audit", "sinks") else len(plain)
    return (*plain[:before], *plain[before + 1 :])
