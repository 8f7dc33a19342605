"""The receiver exam: sends genuine and hostile requests to a receiver, and judges its responses.

Reading order: ``case`` (what a case is), ``cases`` (all of them, one module for each group),
``judging`` (the rules by which responses pass), ``run`` (plays the cases), ``bench`` (what a case
may use), ``sender`` (bytes on bare sockets), ``shop_port`` (ordinary deliveries of a shop),
``evidence`` (side effects), ``scorecard`` and ``reports`` (the result), ``command`` (the command
line). docs/exam.md describes the exam.
"""
