"""``make demo``: runs a private Redis, the shop, its worker and the subscriber side by side.

Reading order: ``run`` (what happens when), ``plan`` (the programs and their settings),
``preflight`` (what must hold before anything starts), ``supervisor`` (start, announce, stop),
``keeper`` (one program: its lines, its restarts), ``console`` (labeled lines), ``private_redis``.

The demo knows the applications as commands only: it starts them and asks them over HTTP whether
they serve. It needs nothing but Python's standard library, so it starts quickly and stays small.

It is a supervisor of its own because none of the known ones fits. honcho ends all processes as soon
as one ends. supervisor does not label the lines of its processes. circus restarts and labels, but
needs as much code around it as the whole demo has now.
"""
