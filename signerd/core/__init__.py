"""Pure core: algorithms, keys, names, digests, signatures. No I/O and no clock; `now` is an argument."""
