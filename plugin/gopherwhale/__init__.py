"""Ship a Go program as a multi-platform container image, and prove it. See README.md."""
