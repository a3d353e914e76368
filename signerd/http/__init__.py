"""The plain HTTP listener: health and metrics. Raw ASGI on uvicorn; no logic, no secrets, nothing that signs."""
