"""Fills the databases with a long history, quickly: ``make seed N=1000000``.

Reading order: ``__main__`` (what is asked for), ``filling`` (how rows get in fast), ``shop`` and
``subscriber`` with ``…_rows`` (what they say).
"""
