"""Cases about private keys that are taken in."""

from __future__ import annotations

from signerd.core.algorithms import DEFAULT, TABLE, Algorithm
from signerd.core.public_keys import spki
from signerd.errors import Reason, SignerdError
from signerd.providers.base import Order
from signerd.testing.signing_cases import ALGORITHMS, refuses
from signerd.testing.trials import UNSUPPORTED, Made, Trial, imported_key, refusal


async def taken_in(trial: Trial, order: Order) -> Made | None:
    """What came of an import; None where the provider said that it takes no such key, and kept nothing."""
    try:
        return await trial.make(order)
    except SignerdError as error:
        assert error.reason in UNSUPPORTED, error
        assert await trial.tagged(order) == []
        return None


class ImportCases:
    """What is taken in is the key that was given; a provider that takes none says so."""

    @ALGORITHMS
    async def test_takes_keys_in_or_says_that_it_does_not(self, trial: Trial, algorithm: Algorithm) -> None:
        if await refuses(trial, algorithm):
            return
        private_key = imported_key(algorithm)
        made = await taken_in(trial, trial.order(algorithm, private_key=private_key))
        if made is None:
            assert not trial.provider.capabilities.imports or algorithm is not DEFAULT
            return
        assert trial.provider.capabilities.imports
        assert made.material.public_key == spki(private_key.public_key())
        await trial.sign(made)

    async def test_a_private_key_of_another_algorithm_is_not_taken_in(self, trial: Trial) -> None:
        other = next(row for row in TABLE if row.family is not trial.algorithm.family and not row.slow)
        order = trial.order(private_key=imported_key(other))
        await refusal(trial.provider.create(order), *UNSUPPORTED)
        assert await trial.tagged(order) == []

    async def test_what_was_taken_in_shows_nowhere(self, trial: Trial) -> None:
        order = trial.order(private_key=imported_key(trial.algorithm))
        made = await taken_in(trial, order)
        assert order.private_key is not None
        shown = f"{order!r} {made!r} {trial.provider!r} {vars(trial.provider)!r}"
        assert order.private_key.hex() not in shown
        assert repr(order.private_key)[2:-1] not in shown

    async def test_the_tag_of_a_key_taken_in_is_used(self, trial: Trial) -> None:
        order = trial.order(private_key=imported_key(trial.algorithm))
        if await taken_in(trial, order) is not None:
            await refusal(trial.provider.create(order), Reason.KEY_EXISTS)
            assert len(await trial.tagged(order)) == 1
