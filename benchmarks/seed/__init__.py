"""Fills the databases with a long generated history: ``make seed N=1000000``.

Reading order: ``__main__`` (the command line), ``bulk_load`` (fast inserts), ``shop`` and
``subscriber`` with ``…_rows`` (the generated rows).
"""
