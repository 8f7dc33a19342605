"""``make demo``: runs a private Redis, the shop, its worker and the subscriber side by side.

Reading order: ``run`` (the order of steps), ``plan`` (the programs and their settings),
``preflight`` (checks before anything starts), ``supervisor`` (start, announce, stop),
``program_runner`` (output and restarts of one program), ``console`` (labeled lines),
``private_redis``.

The demo runs the applications as commands and polls their health check over HTTP. It uses only
Python's standard library, so it starts quickly and needs little memory.

No existing supervisor fits. honcho stops all processes as soon as one ends. supervisor does not
label the lines of its processes. circus restarts and labels, but needs as much code around it as
the whole demo has now.
"""
