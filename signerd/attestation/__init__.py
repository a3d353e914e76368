"""Pure formats: statements, DSSE envelopes, simple signing, SLSA. Bytes in, bytes out; no I/O, no clock."""
