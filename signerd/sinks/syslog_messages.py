"""Records as syslog messages (RFC 5424), framed by octet counting (RFC 6587 section 3.4.1). Pure."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from signerd import __version__
from signerd.config_sinks import Facility
from signerd.sinks.base import Entry

# RFC 5424 section 6.2.1
FACILITIES: Final[dict[Facility, int]] = {
    "user": 1, "daemon": 3, "auth": 4, "authpriv": 10, "audit": 13,
    "local0": 16, "local1": 17, "local2": 18, "local3": 19,
    "local4": 20, "local5": 21, "local6": 22, "local7": 23,
}  # fmt: skip
_ERROR, _WARNING, _INFORMATIONAL = 3, 4, 6
_SEVERITIES: Final = {"ok": _INFORMATIONAL, "refused": _WARNING}
_LARGEST_SEQUENCE_ID: Final = 2147483647
_LONGEST_NAME, _LONGEST_PROCESS, _LONGEST_MESSAGE_ID = 255, 128, 32
_UNPRINTABLE: Final = re.compile("[^!-~]")


class _Shown(msgspec.Struct):
    """What of a record stands in the header."""

    operation: str = ""
    outcome: str = ""
    time: str = ""


_shown = msgspec.json.Decoder(_Shown).decode


class Messages:
    """Makes the messages of one shard: PROCID is the shard, MSGID the operation, sequenceId the position.

    The message is the record byte for byte, without a byte order mark, which receivers that read JSON do not expect.
    """

    def __init__(self, hostname: str, shard: str, facility: Facility) -> None:
        self._facility = FACILITIES[facility] * 8
        self._origin = f"{_name(hostname, _LONGEST_NAME)} signerd {_name(shard, _LONGEST_PROCESS)}"
        self._software = f'[origin software="signerd" swVersion="{__version__}"]'

    def framed(self, entry: Entry) -> bytes:
        """A record's message with its length before it."""
        shown = _shown(entry.json)
        priority = self._facility + _SEVERITIES.get(shown.outcome, _ERROR)
        operation = _name(shown.operation, _LONGEST_MESSAGE_ID)
        # RFC 5424 section 7.3.1: from 1, and from 1 again after 2^31 - 1.
        sequence_id = (entry.sequence - 1) % _LARGEST_SEQUENCE_ID + 1
        head = (
            f"<{priority}>1 {shown.time or '-'} {self._origin} {operation} "
            f'[meta sequenceId="{sequence_id}"]{self._software} '
        )
        message = head.encode() + entry.json
        return b"%d %b" % (len(message), message)


def _name(text: str, longest: int) -> str:
    """A field of the header: printable ASCII without spaces; `-` where there is nothing."""
    return _UNPRINTABLE.sub("?", text)[:longest] or "-"
