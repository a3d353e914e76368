"""Cases about what goes wrong between the provider and the guard: nothing wrong is released, and signing goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from signerd.core.private_keys import generate
from signerd.core.public_keys import spki
from signerd.errors import Reason
from signerd.providers.base import Change, Material
from signerd.providers.calls import Limits
from signerd.providers.guard import Guarded
from signerd.testing.faults import (
    WRONG_ANSWERS,
    FaultyProvider,
    answering,
    hang,
    raise_foreign,
    wrong_answers,
)
from signerd.testing.trials import Made, Trial, guarded, refusal

_IMPATIENCE = Limits(call=0.05, create=0.05)


def _faulty(trial: Trial, limits: Limits | None = None) -> tuple[FaultyProvider, Guarded]:
    provider = FaultyProvider(trial.provider)
    return provider, guarded(trial.subject, provider, limits) if limits else guarded(trial.subject, provider)


class FaultCases:
    """The guard stops what a provider does wrong; the provider is as good as before."""

    @pytest.mark.parametrize("answer", WRONG_ANSWERS)
    async def test_a_wrong_signature_is_not_released(self, trial: Trial, answer: str) -> None:
        made = await trial.key()
        provider, through = _faulty(trial)
        faults = wrong_answers(trial.provider, made.uri, made.algorithm, made.given)
        provider.fault = faults[answer]
        for _ in range(2):
            await refusal(through.sign(made.pinned, made.given), Reason.PROVIDER_INTEGRITY)
        provider.fault = None
        await trial.sign(made, through=through)

    @pytest.mark.parametrize("operation", ["sign", "find", "held", "create", "change"])
    async def test_a_provider_that_hangs_is_given_up(self, trial: Trial, operation: str) -> None:
        made = await trial.key()
        provider, through = _faulty(trial, _IMPATIENCE)
        provider.operation, provider.fault = operation, hang
        await refusal(_call(trial, through, made, operation), Reason.PROVIDER_TIMEOUT)

    @pytest.mark.parametrize("operation", ["sign", "find", "held", "create", "change"])
    async def test_a_foreign_exception_is_told_by_its_class(
        self, trial: Trial, operation: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        made = await trial.key()
        provider, through = _faulty(trial)
        provider.operation, provider.fault = operation, raise_foreign
        error = await refusal(_call(trial, through, made, operation), Reason.PROVIDER_UNAVAILABLE)
        assert "LookupError" in error.message
        assert "hunter2" not in f"{error!r}{caplog.text}"

    @pytest.mark.parametrize("told", ["junk", "another-keys"])
    async def test_a_new_key_that_is_not_what_was_ordered_is_refused(self, trial: Trial, told: str) -> None:
        public_key = b"junk" if told == "junk" else spki(generate(trial.algorithm).public_key())
        made: list[Material] = []
        provider, through = _faulty(trial)
        provider.operation = "create"
        provider.fault = answering(lambda material: _told_wrongly(material, public_key, made))
        await refusal(through.create(trial.order()), Reason.PROVIDER_INTEGRITY)
        if trial.provider.capabilities.destroy_delay is not None:
            held = [one for one in await trial.provider.held() if one.uri == made[0].uri]
            assert not any(one.enabled for one in held)

    async def test_a_public_key_that_changed_is_found_out(self, trial: Trial) -> None:
        made = await trial.key()
        provider, through = _faulty(trial)
        await through.compare_public_key(made.uri, made.material.public_key)
        provider.operation = "find"
        other = spki(generate(trial.algorithm).public_key())
        provider.fault = answering(lambda found: [replace(one, public_key=other) for one in found])
        call = through.compare_public_key(made.uri, made.material.public_key)
        await refusal(call, Reason.PROVIDER_INTEGRITY)


def _call(trial: Trial, through: Guarded, made: Made, operation: str) -> Awaitable[object]:
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "sign": lambda: through.sign(made.pinned, made.given),
        "find": lambda: through.find(made.uri),
        "held": through.held,
        "create": lambda: through.create(trial.order()),
        "change": lambda: through.change(made.uri, Change.ENABLE),
    }
    return calls[operation]()


def _told_wrongly(material: Material, public_key: bytes, made: list[Material]) -> Material:
    made.append(material)
    return replace(material, public_key=public_key)
