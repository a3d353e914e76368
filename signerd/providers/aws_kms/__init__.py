"""Keys in AWS KMS; the SDK is reached through connections only."""
