"""How the children are started: each kind is a module that Python runs, isolated."""

import sys

RENDER = (sys.executable, "-I", "-m", "service.sandbox.child")
EXPLAIN = (sys.executable, "-I", "-m", "service.sandbox.child.explainer")
