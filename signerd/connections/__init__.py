"""Sessions with other systems: the one place that imports the Kubernetes client and boto3, on first use."""
