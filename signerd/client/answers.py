"""What both clients make of answers and lengths."""

from __future__ import annotations

from collections.abc import Sequence

from signerd.client.checksums import check_checksum
from signerd.client.status import error_from_status
from signerd.errors import Reason, SignerdError
from signerd.v1.signer_pb2 import BatchSignResponse, BatchSignResult, SignRequest, SignResponse

SLOWEST = 1024 * 1024  # bytes per second that a stream is given time for


def outcomes_of(
    requests: Sequence[SignRequest], answer: BatchSignResponse
) -> list[SignResponse | SignerdError]:
    """Result or error of each item; raises INTERNAL where their number is not the items'."""
    if len(answer.results) != len(requests):
        raise SignerdError(
            Reason.INTERNAL, f"the daemon gave {len(answer.results)} results for {len(requests)} items"
        )
    return [_outcome(request, result) for request, result in zip(requests, answer.results, strict=True)]


def _outcome(request: SignRequest, result: BatchSignResult) -> SignResponse | SignerdError:
    if result.HasField("response"):
        try:
            return check_checksum(request, result.response)
        except SignerdError as error:
            return error
    return error_from_status(result.error)


def stream_timeout(timeout: float, length: int) -> float:
    """Time limit of a stream of `length` bytes, in seconds."""
    return timeout + max(0, length) / SLOWEST
