"""The passes that rewrite a plan, their order, and the only function that runs them.

A pass takes a plan and gives a plan that makes the same image, or the very same object when
it has nothing to do. It declares its fidelity: EXACT, bit for bit, or BOUNDED, within a stated
distance. It knows nothing of the other passes, of pixels or of files.
"""

from collections.abc import Callable, Collection

from msgspec import Struct

from engine.ir import Plan, verify
from engine.passes.approximate_blur import approximate_blur
from engine.passes.clamp_alpha import clamp_alpha
from engine.passes.drop_noops import drop_noops
from engine.passes.flatten_early import flatten_early
from engine.passes.fuse_tables import fuse_tables
from engine.passes.pull_crops import pull_crops
from engine.passes.shrink_on_load import shrink_on_load
from engine.passes.sink_orientation import sink_orientation
from engine.passes.sink_past_scaling import sink_past_scaling
from engine.passes.tone import tone
from engine.schema import Mode


class Exact(Struct, frozen=True):
    """The same pixels, bit for bit."""


class Bounded(Struct, frozen=True):
    """The same image: no further than `levels` of 255 anywhere, `psnr` dB or better.

    Both are measured on premultiplied colours, as they are seen on black.
    """

    levels: int
    psnr: float


EXACT = Exact()


class Pass(Struct, frozen=True):
    """A rewriting; its function, its module and its test have the same name."""

    run: Callable[[Plan], Plan]
    fidelity: Exact | Bounded

    @property
    def name(self) -> str:
        """The function's own."""
        return self.run.__name__

    def allowed_in(self, mode: Mode) -> bool:
        """Whether a job that is done in this mode may be rewritten so."""
        return mode is Mode.BALANCED or self.fidelity == EXACT


PASSES: tuple[Pass, ...] = (
    Pass(drop_noops, EXACT),  # first, so that no other pass has to handle no-ops
    Pass(sink_orientation, EXACT),  # before crops are pulled, which need not cross them then
    Pass(sink_past_scaling, Bounded(levels=48, psnr=40)),  # goes on where the exact pass stopped
    Pass(pull_crops, EXACT),  # brings pointwise nodes next to each other
    Pass(fuse_tables, EXACT),
    Pass(clamp_alpha, EXACT),  # after crops and orientations have moved away
    Pass(tone, Bounded(levels=2, psnr=60)),  # takes the one table left before a luma
    Pass(flatten_early, Bounded(levels=32, psnr=42)),
    Pass(shrink_on_load, Bounded(levels=48, psnr=40)),  # depends on the nodes before the scaling
    Pass(approximate_blur, Bounded(levels=4, psnr=48)),  # last: it depends on the final frames
)

Observer = Callable[[str, Plan, Plan], None]


def optimise(
    plan: Plan,
    mode: Mode = Mode.BALANCED,
    *,
    switched_off: Collection[str] = (),
    observer: Observer | None = None,
    passes: tuple[Pass, ...] = PASSES,
    verify_each: bool = True,
) -> Plan:
    """Run the passes in order; `observer` sees name, before, after.

    The exact mode leaves out what is bounded. IllegalPlan if the plan given, or one made by
    a pass, breaks a rule; without `verify_each` only the last one is checked.
    """
    if verify_each:
        verify(plan)
    for rewriting in passes:
        if rewriting.name in switched_off or not rewriting.allowed_in(mode):
            continue
        before, plan = plan, rewriting.run(plan)
        if verify_each and plan is not before:
            verify(plan)
        if observer is not None:
            observer(rewriting.name, before, plan)
    return plan if verify_each else verify(plan)
