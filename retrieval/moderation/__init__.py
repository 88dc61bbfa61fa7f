"""Policies said by examples, what resembles them, and what people decide about it.

- ``items_screen(item_ids)``: after embedding; ``due(limit)`` for the sweep; ``catalog_screen()``: all
- ``case_flag``, ``case_decide``, ``case_reopen``: what people do
- ``qualities_measure()``: precision and recall of policies on labelled items
"""

from retrieval.moderation.cases import Match, case_decide, case_flag, case_reopen, cases_open
from retrieval.moderation.examples import file_release
from retrieval.moderation.measuring import qualities_measure
from retrieval.moderation.screening import Report, catalog_screen, due, items_screen

__all__ = [
    "Match",
    "Report",
    "case_decide",
    "case_flag",
    "case_reopen",
    "cases_open",
    "catalog_screen",
    "due",
    "file_release",
    "items_screen",
    "qualities_measure",
]
