"""A Go repository that exists, read without Go, and the template's files for it.

`gomod`, `gosource`, `dockerfile` and `survey` find out what is there; `choosing` and `answers` turn that into
answers for the template, `rendering` renders it; `record`, `merging` and `changes` compare, merge and write.
Nothing here knows settings, plans or engines, and nothing of the repository is ever run.
"""
