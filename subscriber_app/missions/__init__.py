"""Missions: the learner does something, and facts in the two applications prove it.

To add one, write a module in ``watch`` and name its ``MISSION`` in ``watch/__init__.py``.
"""
