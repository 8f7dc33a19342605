"""The command ``hookshop``, also ``python -m hookshop``.

Reading order: ``main`` (the commands, and what happens with errors), then one module for each group
of commands. docs/command.md describes all commands and their exit codes.
"""
