"""Keys in memory pass the suite."""

import pytest

from signerd.providers.memory import MemoryProvider
from signerd.testing.conformance import ProviderConformance
from signerd.testing.subjects import Subject


@pytest.fixture(scope="class")
def subject() -> Subject:
    return Subject(type_name="memory", open=MemoryProvider, unknown_uri="memory:nobody/1-x", survives=False)


class TestMemory(ProviderConformance):
    pass
