"""``make demo``: runs a private Redis, the shop, its worker and the subscriber side by side.

Reading order: ``run`` (what happens when), ``programs`` (what is run, with which settings),
``preflight`` (what must hold before anything starts), ``supervisor`` (starting and stopping),
``restarts`` (what becomes of a process that ends), ``serving`` (when the applications answer),
``console`` (labelled lines).

Why it lives in the package ``shop``: somebody has to start all processes, and the repository's
top-level names are settled. It knows the subscriber only as a command to run and a port to ask,
and never imports it.

Why circus supervises: honcho, the best-known runner of such groups, ends all processes as soon as
one ends, and arq's worker does end when Redis restarts; supervisor restarts, but does not label
the lines of the processes.
"""
