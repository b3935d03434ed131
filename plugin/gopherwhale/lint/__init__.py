"""A Dockerfile's mistakes, found before anything is built: rules -> findings, each with its mended line."""
