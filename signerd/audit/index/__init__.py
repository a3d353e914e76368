"""The index of the audit log's records, an SQLite file beside the shards: for filters only, never evidence.

It is made from the log and can be thrown away at any time. Blocking, for a thread; the standard library's sqlite3.
"""
