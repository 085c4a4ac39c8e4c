"""Environment variables that numpy's linear algebra reads when it is loaded."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
