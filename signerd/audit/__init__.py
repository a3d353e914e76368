"""The audit log: records, their framing in segment files, group commit, recovery and reading.

Files and one writer thread per log; no network, no keys, no knowledge of who calls.
"""
