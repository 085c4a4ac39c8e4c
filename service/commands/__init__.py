"""The command line: one module for each command or group of commands.

Exports nothing: each is loaded when it is named.
Knows nothing about how requests are handled or work is done.
"""
