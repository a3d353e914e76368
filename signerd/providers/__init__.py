"""Adapters to key technologies. They never import each other; vendor exceptions stop in a provider's file."""
