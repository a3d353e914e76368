"""signerd: a gRPC daemon that holds, or fronts, the signing keys of a software supply chain."""

__version__ = "0.1.0"
