"""Engines: each leaves an OCI image layout and nothing else."""
