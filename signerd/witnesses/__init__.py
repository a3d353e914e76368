"""Witnesses (C2SP tlog-witness): asked to cosign checkpoints. HTTP happens here; aiohttp is imported on first use."""
