"""How a process of the daemon ends: exit codes, and one line with a remedy in place of a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable

from signerd.errors import Reason, SignerdError

OK = 0
USAGE = 2
REFUSED = 3
NOT_STARTED = 4

_CODES = {
    Reason.CONFIG_INVALID: USAGE,
    Reason.ENDPOINT_INVALID: USAGE,
    Reason.PERMISSIONS_TOO_OPEN: REFUSED,
    Reason.HOME_IN_USE: REFUSED,
}


def code_of(error: SignerdError) -> int:
    """Exit code of an error at the start."""
    return _CODES.get(error.reason, NOT_STARTED)


def explain(error: SignerdError) -> str:
    """Message and remedy in one line; several problems of a config file stand on lines of their own."""
    message, remedy = error.message, error.reason.value.remedy
    separator = "\n" if "\n" in message else " "
    return f"{message.rstrip('.')}.{separator}{remedy}" if remedy not in message else message


def guarded(call: Callable[[], int]) -> int:
    """Run and give the exit code; errors that are not defects go to stderr as one line."""
    try:
        return call()
    except SignerdError as error:
        sys.stderr.write(f"signerd: {explain(error)}\n")
        return code_of(error)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        sys.stderr.write(f"signerd: can't start:{where} {error.strerror or error}\n")
        return NOT_STARTED
    except KeyboardInterrupt:
        return OK
