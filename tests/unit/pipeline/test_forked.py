"""A process that is forked after others have worked in it (gunicorn's preload, Celery's prefork) goes on by itself."""

from __future__ import annotations

import os
import signal

from invalidation.pipeline.delivery import fan_out


def test_a_forked_process_has_helpers_of_its_own() -> None:
    assert fan_out.pool.submit(os.getpid).result() == os.getpid()
    child = os.fork()
    if not child:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)
        os._exit(fan_out.pool.submit(os.getpid).result() != os.getpid())
    assert os.waitpid(child, 0)[1] == 0
