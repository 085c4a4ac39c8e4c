"""The environment that numpy's linear algebra reads when it is loaded: nobody here uses it."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
