"""What each command does, for every front end alike: from its flags to its result on the console.

The front ends (invoke's tasks, the console script, nox sessions by way of it) only gather flags; `commands`
names the function of this package that does each command.
"""
