"""Keys in encrypted files in one directory."""
