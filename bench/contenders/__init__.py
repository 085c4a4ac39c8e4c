"""The contenders: one file each, each a child process that answers line by line.

A file holds the way in which users of that library or program would write the workloads,
and imports nothing but it and this package's helpers, so that it runs in an environment of
its own.
"""
