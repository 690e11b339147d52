"""What processes have used: processor time and memory, from /proc (proc(5))."""

from __future__ import annotations

import os
from pathlib import Path

from deploy.local.processes import children_of

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def processor_seconds(pid: int) -> float:
    """Of a process and its descendants, since they started, in user and kernel mode."""
    return sum(map(_seconds, [pid, *children_of(pid)]))


def resident_megabytes(pid: int | str = "self") -> float:
    """Resident memory of one process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / 1e6


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / TICKS
