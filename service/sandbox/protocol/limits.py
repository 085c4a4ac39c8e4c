"""The resources that a rendering child may use, and the timing of its slot."""

from msgspec import Struct

MIB = 1 << 20

PROTECTIONS = (
    "no-new-privileges",
    "landlock-files",
    "landlock-tcp",
    "landlock-signals",
    "no-capabilities",
    "no-inspection",
    "seccomp",
)
"""What can be in force in a child."""

REQUIRED = tuple(name for name in PROTECTIONS if name not in {"landlock-tcp", "landlock-signals"})
"""What must be. The other two need Linux 6.7 and 6.12, and seccomp forbids the same."""


class SandboxLimits(Struct, frozen=True, kw_only=True):
    """Every limit of the sandbox, with its default.

    `memory_bytes` bounds what the child itself may write to: heap, stacks and private
    anonymous memory (RLIMIT_DATA). RLIMIT_AS would also count libraries, a mapped source
    and the reserves of malloc, so that the figure would say little about real memory; it
    is set all the same, `address_slack_bytes` above, to bound shared mappings.
    """

    memory_bytes: int = 2048 * MIB
    """Memory of a child: more, and its work ends as out of memory."""
    address_slack_bytes: int = 2048 * MIB
    """Address space of a child above `memory_bytes`: libraries, and the mapped source."""
    max_output_bytes: int = 512 * MIB
    """Size of one output (RLIMIT_FSIZE)."""
    max_inputs: int = 240
    """Files beside the source in one work; the kernel passes at most 253 descriptors at once."""
    results_ahead: int = 4
    """Results that may wait to be taken before the child pauses, its deadline with it."""
    works_per_child: int = 1000
    """A child is replaced after so many works."""
    resident_bytes: int = 512 * MIB
    """A child that keeps more memory than this between two works is replaced."""
    start_seconds: float = 30.0
    """Time for a child to start, import the engine and be ready; doubled after each that had not.

    On a machine that is busy a start may take longer, and one that is killed for it and begun anew
    would never end.
    """
    start_most_seconds: float = 300.0
    """The longest such time, which the first children of a sandbox have."""
    backoff_seconds: float = 0.1
    """Pause after a child that did not start; doubled each time."""
    backoff_most_seconds: float = 10.0
    """The longest such pause."""
    nice: int = 0
    """How much a child leaves the processor to others: 0 not at all, 19 whenever they want it."""
    slower: int = 5
    """How much more than before a child leaves to others whose work is slow."""
    fonts: str = ""
    """Folder of fonts for text, beside those of the engine; none if empty."""
    readable: tuple[str, ...] = ()
    """Files and folders that a child may read beside Python, libraries and fonts."""

    allow_weak: bool = False
    """Whether a child may run where the kernel lacks a protection."""

    def next_pause(self, pause: float) -> float:
        """Give the pause, in seconds, before the next start after one that failed."""
        return min(self.backoff_most_seconds, max(self.backoff_seconds, 2 * pause))


DEFAULT_LIMITS = SandboxLimits()
