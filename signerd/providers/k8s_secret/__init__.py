"""Keys in Kubernetes Secrets, opened in memory; the client is reached through connections only."""
