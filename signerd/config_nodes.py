"""YAML text to values and back to lines: where in the file a setting stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

Location = tuple[str | int, ...]
MAX_BYTES = 1 << 20
# What PyYAML's constructors let through for values such as `!!timestamp x` and `!!bool x`.
_BAD_SCALARS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a config file: 1-based line, dotted path of the setting (empty: the whole file), and what."""

    line: int
    path: str
    text: str

    def shown(self, file: str) -> str:
        """`FILE:LINE: path: problem`."""
        return ": ".join(part for part in (f"{file}:{self.line}", self.path, self.text) if part)


class NotYaml(Exception):
    """The text is no YAML document that can be a configuration."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: its values, and the node tree that knows the lines."""

    data: object
    root: yaml.Node | None


def parse(text: str) -> Document:
    """Read one YAML document; raises NotYaml, also for keys that stand twice."""
    try:
        return _parse(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = error.problem or error.context or "it can't be read"
        raise NotYaml(Problem(mark.line + 1 if mark else 1, "", f"is not YAML: {reason}")) from None
    except (yaml.YAMLError, *_BAD_SCALARS):
        raise NotYaml(Problem(1, "", "is not YAML: it has characters or values that can't be read")) from None
    except RecursionError:
        raise NotYaml(Problem(1, "", "is nested too deeply")) from None


def _parse(text: str) -> Document:
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return Document(None, None)
        for line, path, key in _duplicates(root, (), set()):
            raise NotYaml(Problem(line, path, f"{key} stands here twice"))
        return Document(loader.construct_document(root), root)
    finally:
        loader.dispose()


def _duplicates(node: yaml.Node, at: Location, seen: set[int]) -> Iterator[tuple[int, str, str]]:
    """Line, path and name of keys that a mapping has twice: YAML readers keep one of them silently."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            if name in names and name != "<<":
                yield key.start_mark.line + 1, dotted(at), name
            names.add(name)
            yield from _duplicates(value, (*at, name), seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _duplicates(item, (*at, index), seen)


def dotted(location: Location) -> str:
    """`listeners[0].tls.cert` of a location."""
    shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return shown.removeprefix(".")


def line_of(root: yaml.Node | None, location: Location) -> int:
    """1-based line of a setting; of the nearest part that is in the file where it is missing."""
    line, node = 1, root
    for part in location:
        found = _child(node, part)
        if found is None:
            break
        line, node = found
    return line


def _child(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(part):
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None
