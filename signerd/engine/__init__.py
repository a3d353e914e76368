"""The use cases: sign, verify, public keys, key changes. What may be signed is decided here, once."""
