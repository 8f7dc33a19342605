"""Missions: the learner does something, and facts in the two applications prove it.

To add one, write a module in ``watch`` (with the app's own subscriber) or ``build`` (with the
learner's receiver), and name its ``MISSION`` in the ``__init__`` there.
"""
