"""Entry of a worker process, started by the supervisor: `python -m signerd.worker`, with its handover on stdin."""

from __future__ import annotations

import os
import signal
import sys

from signerd import exits, logs
from signerd.handover import Handover, receive
from signerd.process import die_with, harden, silence_grpc
from signerd.reload import Reload


def main() -> int:
    """Run the daemon of one worker; the exit code."""
    parent = os.getppid()
    # Until the daemon listens to it, SIGHUP would end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    harden()
    given = receive()
    die_with(parent)
    os.environ.update(given.environment)
    silence_grpc()
    return exits.guarded(lambda: _run(given))


def _run(given: Handover) -> int:
    import uvloop

    from signerd import daemon

    config = given.config
    threshold = logs.configure(config.log.level, config.log.format)
    return uvloop.run(
        daemon.run(
            config,
            worker=given.worker,
            workers=config.workers,
            control_fd=given.control_fd,
            passwords=given.passwords,
            reload=Reload(given.source, os.environ, threshold),
        )
    )


if __name__ == "__main__":
    sys.exit(main())
