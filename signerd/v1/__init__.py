"""Generated from proto/signerd/v1 by `make proto`. Nothing is written here by hand."""
