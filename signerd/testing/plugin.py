"""The pytest plugin: says in the summary how many conformance cases ran for each provider."""

from __future__ import annotations

from collections import Counter

import pytest

PROPERTY = "signerd_provider"
"""Property of a test's report that names the provider on trial."""

_WITH_ASSERTIONS = (
    "fault_cases",
    "import_cases",
    "load_cases",
    "material_cases",
    "signing_cases",
    "trials",
    "version_cases",
)


class CaseCounter:
    """Counts the cases by provider and outcome; with pytest-xdist in the process that writes the summary."""

    def __init__(self) -> None:
        self._cases: Counter[tuple[str, str]] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a case that ran, or one that could not even begin."""
        provider = dict(report.user_properties).get(PROPERTY)
        if provider is not None and (report.when == "call" or (report.when == "setup" and not report.passed)):
            self._cases[str(provider), report.outcome] += 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line for each provider."""
        if not self._cases:
            return
        terminalreporter.section("conformance of providers")
        for provider in sorted({provider for provider, _ in self._cases}):
            outcomes = {outcome: n for (name, outcome), n in sorted(self._cases.items()) if name == provider}
            shown = ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items())
            terminalreporter.line(f"{provider}: {sum(outcomes.values())} cases, {shown}")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    pytest.register_assert_rewrite(*(f"signerd.testing.{name}" for name in _WITH_ASSERTIONS))
    config.pluginmanager.register(CaseCounter(), "signerd-cases")
