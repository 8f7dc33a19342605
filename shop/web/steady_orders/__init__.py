"""Steady orders: the task that places them, and what pages show of them.

The flow's page has the switch. All other pages say that it is on, with a button to switch it off.
"""
