"""Which types of sinks there are; what they need is imported on first use."""

from __future__ import annotations

import socket

from signerd.config_sinks import FileSink, SinkConfig, SyslogSink
from signerd.sinks.base import Origin, Sender
from signerd.sinks.lanes import Threaded


def build(section: SinkConfig, origin: Origin) -> Sender:
    """The sender of a sink; nothing is connected yet. Raises CONFIG_INVALID where files or packages are missing."""
    if isinstance(section, FileSink):
        from signerd.sinks.files import FileSender

        file = FileSender(section.path, sync=section.required)
        return Threaded(section.name, file, section.timeout)
    if isinstance(section, SyslogSink):
        from signerd.sinks.syslog import SyslogSender
        from signerd.sinks.syslog_messages import Messages

        messages = Messages(socket.gethostname(), origin.shard, section.facility)
        return Threaded(section.name, SyslogSender(section, messages), section.timeout)
    from signerd.sinks.http import HttpSender

    return HttpSender(section, origin)
