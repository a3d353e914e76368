"""The conformance suite: what signerd expects of every provider.

A provider's own test only says how to get at it:

    @pytest.fixture(scope="class")
    def subject() -> Subject:
        return Subject(type_name="mine", open=lambda: MyProvider(...), unknown_uri="mine:nobody")

    class TestMine(ProviderConformance):
        pass

`subject` has the scope of a class or wider, since making a key may take seconds and all cases share them. The cases run
on one event loop. None is left out: where a provider can't do something, the case is that it says so.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio

from signerd.providers.failures import spellings
from signerd.testing.fault_cases import FaultCases
from signerd.testing.import_cases import ImportCases
from signerd.testing.load_cases import LoadCases
from signerd.testing.material_cases import MaterialCases
from signerd.testing.plugin import PROPERTY
from signerd.testing.signing_cases import SigningCases
from signerd.testing.subjects import Subject
from signerd.testing.trials import Trial
from signerd.testing.version_cases import VersionCases


@pytest.mark.asyncio(loop_scope="class")
class ProviderConformance(SigningCases, ImportCases, MaterialCases, VersionCases, LoadCases, FaultCases):
    """All cases. A subclass, named `Test…`, gives the fixture `subject`."""

    @pytest_asyncio.fixture(scope="class", loop_scope="class")
    @classmethod
    async def trial(cls, overheard: list[str], subject: Subject) -> AsyncIterator[Trial]:
        """The provider, opened once for the class."""
        trial = Trial(subject, await subject.opened())
        yield trial
        await trial.finish()

    @pytest.fixture(autouse=True)
    def counted(self, subject: Subject, record_property: Callable[[str, object], None]) -> None:
        """Tell the plugin whose case this is."""
        record_property(PROPERTY, subject.type_name)

    @pytest.fixture(scope="class")
    @classmethod
    def overheard(cls) -> Iterator[list[str]]:
        """What was logged since somebody looked."""
        handler = Overhearing()
        logger = logging.getLogger("signerd")
        level = logger.level
        logger.setLevel(logging.DEBUG)
        logging.getLogger().addHandler(handler)
        yield handler.lines
        logging.getLogger().removeHandler(handler)
        logger.setLevel(level)

    @pytest.fixture(autouse=True)
    def discreet(self, overheard: list[str], subject: Subject, trial: Trial) -> Iterator[None]:
        """No case may bring a secret into the log, or leave one where a debugger or an error page shows it."""
        yield
        provider = trial.provider
        shown = f"{overheard}{provider!r}{vars(provider)!r}{provider.health()!r}"
        overheard.clear()
        for secret in subject.secrets:
            assert not any(spelling in shown for spelling in spellings(secret)), "a secret shows"


class Overhearing(logging.Handler):
    """Keeps what is logged, with the exceptions."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(self.format(record))
