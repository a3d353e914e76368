"""Keys in Google Cloud KMS; its SDK is imported here, on first use."""
