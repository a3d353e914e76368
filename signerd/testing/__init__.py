"""The provider conformance suite, as a pytest plugin. For tests only: nothing in the daemon imports it.

It needs pytest and pytest-asyncio.
"""
