"""Commands on what is recorded: services, tokens, presets, processes and callbacks.

Exports nothing: each is loaded when it is named.
"""
