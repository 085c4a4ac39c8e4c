"""The command lines of children: modules that Python runs in isolated mode."""

import sys

RENDER = (sys.executable, "-I", "-m", "service.sandbox.child")
EXPLAIN = (sys.executable, "-I", "-m", "service.sandbox.child.explainer")
