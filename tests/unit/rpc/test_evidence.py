from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from signerd.errors import Reason, SignerdError
from signerd.rpc.evidence import checked


@pytest.mark.parametrize(
    "time",
    [
        Timestamp(),
        Timestamp(seconds=-1),
        Timestamp(seconds=1 << 62),
        Timestamp(seconds=1, nanos=-1),
        Timestamp(seconds=1, nanos=10**9),
    ],
)
def test_what_is_no_time_is_refused_with_its_field(time: Timestamp) -> None:
    with pytest.raises(SignerdError) as caught:
        checked("since", time)
    assert (caught.value.reason, caught.value.field) == (Reason.REQUEST_MALFORMED, "since")


def test_the_last_moment_of_all() -> None:
    last = Timestamp(
        seconds=int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()), nanos=999_999_999
    )
    assert checked("since", last).ToDatetime(UTC).year == 9999
