"""Loopback servers of our own: a registry in memory, and a proxy that does what a test says."""
