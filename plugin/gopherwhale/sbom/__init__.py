"""Software bills of materials: what `go version -m` says of an image's programs, as SPDX and CycloneDX."""
