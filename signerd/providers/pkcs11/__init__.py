"""Keys on PKCS#11 tokens; the binding is imported in the worker process only."""
