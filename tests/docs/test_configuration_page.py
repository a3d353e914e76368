"""docs/configuration.md has every setting with its default."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from signerd.config import (
    Audit,
    Checks,
    Config,
    Http,
    Limits,
    Listener,
    Log,
    State,
    Tls,
)
from signerd.config_budget import BudgetSection
from signerd.config_checkpoints import MirrorSection, WitnessMember, WitnessSection
from signerd.config_providers import ProviderSection
from signerd.config_sinks import FileSink, HttpSink, SinkTls, SyslogSink

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
ROW = re.compile(r"^\| `([a-zA-Z_.\[\]]+)` \|(.*)\|(.*)\|(.*)\|$", re.MULTILINE)
SECTIONS: dict[str, tuple[type[BaseModel], ...]] = {
    "": (Config,),
    "listeners[].": (Listener,),
    "listeners[].tls.": (Tls,),
    "http.": (Http,),
    "state.": (State,),
    "audit.": (Audit,),
    "audit.budget.": (BudgetSection,),
    "audit.witnesses.": (WitnessSection,),
    "audit.witnesses.members[].": (WitnessMember,),
    "audit.mirror.": (MirrorSection,),
    "audit.sinks[].": (FileSink, SyslogSink, HttpSink),
    "audit.sinks[].tls.": (SinkTls,),
    "providers.NAME.": (ProviderSection,),
    "limits.": (Limits,),
    "checks.": (Checks,),
    "log.": (Log,),
}
WITH_SECTIONS = {
    "listeners",
    "listeners[].tls",
    "http",
    "state",
    "audit",
    "audit.budget",
    "audit.witnesses",
    "audit.witnesses.members",
    "audit.mirror",
    "audit.sinks",
    "audit.sinks[].tls",
    "providers",
    "limits",
    "checks",
    "log",
}
# What stands for "none" or for a value that depends on others is told in words.
IN_WORDS = {"listeners[].mode"}


def settings() -> Iterator[tuple[str, FieldInfo]]:
    for prefix, models in SECTIONS.items():
        for model in models:
            yield from ((prefix + name, field) for name, field in model.model_fields.items())


def rows() -> dict[str, str]:
    return {row[1]: row[3].strip() for row in ROW.finditer(PAGE.read_text("utf-8"))}


def test_every_setting_has_a_row_and_every_row_a_setting() -> None:
    assert set(rows()) == {name for name, _ in settings()} - WITH_SECTIONS | {"providers.NAME.type"}


def test_defaults_are_those_of_the_code() -> None:
    shown = rows()
    for name, field in settings():
        default = field.get_default()
        if name in WITH_SECTIONS or name in IN_WORDS or field.is_required() or default is None:
            continue
        adapter = TypeAdapter(field.rebuild_annotation())
        assert adapter.validate_python(yaml.safe_load(shown[name].strip("`"))) == default, name


def test_required_settings_are_marked() -> None:
    shown = rows()
    for name, field in settings():
        if name in shown and field.is_required():
            assert shown[name], f"{name} is required, or has a default that depends on others"
