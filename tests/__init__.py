"""Tests, in the tree's own order.

One thread a process for OpenMP and BLAS, before anything loads them: the suite runs a process a core, and
threads that wait for each other there spin. Of the training tests' processor time 3 of 5 parts went so.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
