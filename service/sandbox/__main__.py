"""``python -I -m service.sandbox SOCKET PARENT``: what a slot of the sandbox runs."""

from service.sandbox.adapter import render_order
from service.sandbox.child import main

main(render_order)
