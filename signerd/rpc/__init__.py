"""The gRPC door: server, servicers, interceptors, status mapping. Thin; every decision is the engine's."""
