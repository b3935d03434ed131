"""Adopting repositories that exist."""
