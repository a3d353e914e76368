"""Benchmarks: the daemon as users run it, against what the same machine can do at best in the same run."""
