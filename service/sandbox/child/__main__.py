"""``python -I -m service.sandbox.child SOCKET PARENT``: what a slot of the sandbox runs."""

from service.sandbox.child.adapter import render_order
from service.sandbox.child.child import main

main(render_order)
