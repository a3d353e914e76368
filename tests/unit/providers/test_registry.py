import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from signerd.errors import Reason, SignerdError
from signerd.providers import registry
from signerd.providers.base import Setup


def test_types(tmp_path: Path) -> None:
    section = SimpleNamespace(directory=tmp_path / "keys")
    assert registry.build("memory", Setup("m", None)).in_process
    assert registry.build("local", Setup("l", section, {"password": lambda: b""})).in_process


def test_an_unknown_type_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SignerdError, match="local, memory") as caught:
        registry.build("vault2", Setup("v", None))
    assert caught.value.reason is Reason.CONFIG_INVALID


def test_a_missing_extra_says_which_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    row = registry.ProviderType("signerd.providers.memory", "memory", "nothing", ("no_such_package.at_all",))
    monkeypatch.setitem(registry.TYPES, "memory", row)
    with pytest.raises(SignerdError, match=r"pip install 'signerd\[nothing\]'") as caught:
        registry.build("memory", Setup("m", None))
    assert caught.value.reason is Reason.CONFIG_INVALID


def test_no_provider_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, signerd.providers.registry as registry;"
        "assert not {row.module for row in registry.TYPES.values()} & set(sys.modules);"
        "from signerd.providers.base import Setup; registry.build('memory', Setup('m', None));"
        "assert 'signerd.providers.local.provider' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
