"""Verification of an audit log, offline: from its files, a public key and what others kept of it.

Nothing of the writer is used but the Merkle hashes of signerd.core; every parser here is strict: what it accepts, it
would write the same way.
"""
