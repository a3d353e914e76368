"""Where copies of the audit log's records go, beside the log: files, syslog, HTTP.

Each sink has a task and a position of its own. Network and files; reads the log, never writes to its files.
"""
