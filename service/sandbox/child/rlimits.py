"""The resource limits of a child.

RLIMIT_NPROC is left alone: it counts all processes of the user, on the whole machine, so
a figure that fits one host stops another. The child cannot start processes anyway.
"""

import math
import resource

from service.sandbox.protocol import SandboxLimits

DESCRIPTORS = 1024
OTHER_THREADS = 1  # beside those that render: those that read or write for them, all together


def limit_resources(limits: SandboxLimits) -> None:
    """Set the limits that hold for the child's whole life; it cannot raise them again."""
    address_space = limits.memory_bytes + limits.address_slack_bytes
    for kind, most in (
        (resource.RLIMIT_DATA, limits.memory_bytes),
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_FSIZE, limits.max_output_bytes),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))


def allow_cpu_seconds(deadline: float, threads: int) -> None:
    """Let the process use so much more CPU time, should its worker not see to its deadline."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = math.ceil(used.ru_utime + used.ru_stime + (threads + OTHER_THREADS) * deadline) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (most, hard))
