"""Where the worker's processor time goes: `PROFILE=FILE python -m tests.benchmarks.latency --kinds ours --rates 30`.

Each task is profiled by the clock of its own thread, so that waiting costs nothing. The worker loads this, and writes
FILE, for pstats, when it ends; without PROFILE nothing happens.
"""

from __future__ import annotations

import atexit
import os
import pstats
import threading
import time
from cProfile import Profile
from typing import Any

from celery.signals import task_postrun, task_prerun

_profiles: dict[int, Profile] = {}


def _begin(**_: Any) -> None:
    _profiles.setdefault(threading.get_ident(), Profile(time.thread_time)).enable()


def _end(**_: Any) -> None:
    _profiles[threading.get_ident()].disable()


def _write() -> None:
    if profiles := list(_profiles.values()):
        pstats.Stats(profiles[0], *profiles[1:]).dump_stats(os.environ["PROFILE"])


if "PROFILE" in os.environ:
    task_prerun.connect(_begin)
    task_postrun.connect(_end)
    atexit.register(_write)
