"""The testbed's parts: a real Docker engine, a real registry and the Go base image, in one private folder.

`tasks/testbed.py` is its front end. Nothing here knows invoke, and nothing outside the folder changes except
the Debian packages that `up` says it installs.
"""
