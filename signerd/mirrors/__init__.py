"""Copies of shards, in a directory or an S3 bucket. Blocking I/O on a thread of its own, never on the loop."""
