from __future__ import annotations

from pathlib import Path

import pytest

from signerd.config_file import read
from signerd.errors import Reason, SignerdError


def retention(directory: Path, text: str) -> float | None:
    raw = f"audit: {{{text}}}\n".encode()
    return read(raw, "config.yaml", directory, {"SIGNERD_HOME": str(directory)}).audit.retention


@pytest.mark.parametrize(
    ("text", "seconds"), [("", None), ("retention: 1d", 86_400), ("retention: 48h", 172_800)]
)
def test_records_are_kept_for_ever_or_at_least_a_day(tmp_path: Path, text: str, seconds: int | None) -> None:
    assert retention(tmp_path, text) == seconds


@pytest.mark.parametrize("text", ["23h", "0", "-1d", "soon"])
def test_shorter_ages_are_refused_by_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(SignerdError, match=r"audit\.retention") as caught:
        retention(tmp_path, f"retention: {text}")
    assert caught.value.reason is Reason.CONFIG_INVALID
