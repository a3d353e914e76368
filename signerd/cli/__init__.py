"""signerctl: click commands that talk to a daemon through `signerd.client` only. They hold no keys."""
