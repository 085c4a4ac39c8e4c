"""``python -I -m service.sandbox.child SOCKET PARENT``: the process in a slot of the sandbox."""

from service.sandbox.child.adapter import render_order
from service.sandbox.child.child import main

main(render_order)
