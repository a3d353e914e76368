import subprocess
import sys
from pathlib import Path

import pytest

from signerd.errors import Reason, SignerdError
from signerd.providers import registry
from signerd.providers.local import LocalOptions
from signerd.providers.memory import MemoryOptions


def test_types(tmp_path: Path) -> None:
    assert registry.build("memory", MemoryOptions()).in_process
    assert registry.build("local", LocalOptions(tmp_path / "keys", lambda: b"")).in_process


def test_an_unknown_type_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SignerdError, match="local, memory") as caught:
        registry.build("vault2", object())
    assert caught.value.reason is Reason.CONFIG_INVALID


def test_options_of_another_provider_are_a_defect() -> None:
    with pytest.raises(TypeError):
        registry.build("memory", LocalOptions(Path("x"), lambda: b""))


def test_no_provider_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, signerd.providers.registry as registry;"
        "assert not set(registry.MODULES.values()) & set(sys.modules);"
        "from signerd.providers.memory import MemoryOptions; registry.build('memory', MemoryOptions());"
        "assert 'signerd.providers.local' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
