"""Binaries to facts, facts and expectations to findings. Knows no settings and no adapter."""
