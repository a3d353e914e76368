"""Keys in the transit engine of Vault or OpenBao; hvac and aiohttp are imported here, on first use."""
