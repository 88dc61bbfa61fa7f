"""Quality of the catalog's data: what is missing, blank, broken or at odds with itself.

- ``audit(checks, progress) -> {check: number}``: looks at every item and replaces what was found before
- ``run_create``, ``run_execute``: the same on somebody's behalf, with a row that says how far it is
"""

from retrieval.audit.checks import CHECKS, FINDS, Check
from retrieval.audit.runs import audit, run_create, run_execute, run_send, runs_waiting

__all__ = [
    "CHECKS",
    "FINDS",
    "Check",
    "audit",
    "run_create",
    "run_execute",
    "run_send",
    "runs_waiting",
]
