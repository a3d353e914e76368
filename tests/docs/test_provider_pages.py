"""Each type of provider has its page: four sections, and every setting with its default; a list names them all."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter

from signerd.config_providers import ProviderConfig, ProviderSection, Secret
from signerd.config_values import Section
from signerd.providers.registry import TYPES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "providers"
SETTING = re.compile(r"^\|(?P<names>[^|]*`[^|]*)\|(?P<default>[^|]*)\|(?P<meaning>[^|]*)\|$", re.MULTILINE)
NAME = re.compile(r"`([a-z_]+)(?:\.[a-z]+)?`")
HEADINGS = ["URI", "Credentials", "Least permissions", "Limits"]
COMMON = set(ProviderSection.model_fields)


def sections() -> dict[str, type[BaseModel]]:
    """Settings by type of provider."""
    models = get_args(get_args(ProviderConfig)[0])
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in models}


def page(type_name: str) -> str:
    return (DOCS / f"{type_name}.md").read_text("utf-8")


def rows(type_name: str) -> dict[str, str]:
    """Defaults by setting, as the table under Credentials has them."""
    table = page(type_name).split("\n## Credentials\n")[1].split("\n## ")[0]
    found: dict[str, str] = {}
    for row in SETTING.finditer(table):
        assert row["meaning"].strip()
        names, defaults = NAME.findall(row["names"]), row["default"].strip().split(", ")
        found |= zip(names, defaults if len(defaults) == len(names) else defaults * len(names), strict=True)
    return found


every_type = pytest.mark.parametrize("type_name", TYPES)


def test_every_type_has_settings() -> None:
    assert set(sections()) == set(TYPES)


@every_type
def test_a_page_has_the_four_sections(type_name: str) -> None:
    assert re.findall(r"^## (.*)$", page(type_name), re.MULTILINE) == HEADINGS


@every_type
def test_a_page_has_every_setting_and_no_other(type_name: str) -> None:
    fields = set(sections()[type_name].model_fields) - {"type"}
    shown = set(rows(type_name))
    assert fields - COMMON - shown == set()
    assert shown - fields == set()


@every_type
def test_defaults_are_those_of_the_code(type_name: str) -> None:
    for name, default in rows(type_name).items():
        field = sections()[type_name].model_fields[name]
        value = field.get_default(call_default_factory=True, validated_data={})
        if field.is_required() or value is None or isinstance(value, Path):  # paths are told in words
            continue
        if not value and not isinstance(value, bool | int | float):
            assert default == "none", name
            continue
        adapter = TypeAdapter(field.rebuild_annotation())
        assert adapter.validate_python(yaml.safe_load(default.strip("`"))) == value, name


@every_type
def test_what_is_no_default_does_not_look_like_one(type_name: str) -> None:
    for name, default in rows(type_name).items():
        field = sections()[type_name].model_fields[name]
        if field.is_required():
            assert default in ("", "required"), name


def test_the_list_has_every_type_with_its_scheme_and_extra() -> None:
    listed = re.findall(
        r"^\| \[`([a-z0-9-]+)`\]\(([a-z0-9-]+)\.md\) \| `([a-z0-9-]+):[^|]*\|[^|]*\|([^|]*)\|$",
        (DOCS / "index.md").read_text("utf-8"),
        re.MULTILINE,
    )
    assert {name: (scheme, extra.strip()) for name, _, scheme, extra in listed} == {
        name: (row.scheme, f"`signerd[{row.extra}]`" if row.extra else "") for name, row in TYPES.items()
    }
    assert all(name == target for name, target, _, _ in listed)


def test_the_extras_are_there() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert {row.extra for row in TYPES.values() if row.extra} <= set(extras)


def test_secrets_are_told_as_such() -> None:
    """A page that shows a secret's value as a setting would teach people to write it into the file."""
    for type_name, model in sections().items():
        for name, field in model.model_fields.items():
            if Secret in (field.annotation, *get_args(field.annotation)):
                assert not re.search(rf"^ *{name}: [^\s{{#]", page(type_name), re.MULTILINE)


def test_code_of_the_page_for_authors_is_python() -> None:
    blocks = re.findall(
        r"^```python\n(.*?)^```$", (DOCS / "writing.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert len(blocks) == 4
    for block in blocks:
        ast.parse("{" + block + "}" if block.startswith('"') else block)


def test_sections_are_strict() -> None:
    assert all(
        issubclass(model, Section) and model.model_config["extra"] == "forbid"
        for model in sections().values()
    )
