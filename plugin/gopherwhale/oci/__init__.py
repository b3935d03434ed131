"""OCI documents, layouts, layers and the registry client. Knows no settings and no adapter."""
