"""Dockerfiles read: text -> instructions -> stages, with every word's place in the file. A leaf."""
