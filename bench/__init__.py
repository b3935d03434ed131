"""Side by side with the peers, in one run: `nox -s bench`, or `python -m bench --help`."""
