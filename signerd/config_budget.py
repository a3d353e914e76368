"""Settings of how much of the audit log one identity may fill."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from signerd.config_values import Section


class BudgetSection(Section):
    """What one identity may put on record in each worker.

    `records` a second, `burst` at once; beyond, its requests are refused with RATE_LIMITED. Of refused and failed ones
    the first `refusals` of a minute have records of their own, the others are counted in one.
    """

    records: Annotated[int, Field(ge=1, le=10_000_000)] = 50_000
    burst: Annotated[int, Field(ge=1000, le=10_000_000)] = 100_000
    refusals: Annotated[int, Field(ge=1, le=1_000_000)] = 600
