"""What anybody may put on the queues under the names of our tasks."""

from __future__ import annotations

from typing import Any

import pytest

from invalidation.contrib.celery import tasks

HOSTILE: list[dict[str, Any]] = [
    {"delivery": 1},
    {"database": "default"},
    {"database": "nowhere", "delivery": 1},
    {"database": ["default"], "delivery": 1},
    {"database": None, "delivery": 1},
    {"database": "default", "delivery": "1; DROP TABLE"},
    {"database": "default", "delivery": True},
    {"database": "default", "delivery": -1},
    {"database": "default", "delivery": 10**30},
    {"database": "default", "delivery": {"pk": 1}},
    {"database": "default", "delivery": 1, "correlation_id": {}},
    {"database": "default", "delivery": 1, "correlation_id": "x" * 10_000},
]


@pytest.mark.parametrize("named", HOSTILE, ids=lambda named: repr(named)[:60])
def test_a_message_that_makes_no_sense_is_dropped_with_one_line(named: dict[str, Any], caplog: Any) -> None:
    caplog.clear()
    assert str(tasks.deliver.run(**named)).startswith("dropped: ")
    assert len(caplog.records) == 1


OTHERS = [tasks.drain, tasks.sweep, tasks.rebound, tasks.verify, tasks.prune, tasks.canary, tasks.audit]


@pytest.mark.parametrize("task", OTHERS, ids=lambda task: task.name)
def test_arguments_that_no_task_has_are_dropped(task: Any) -> None:
    assert task.run(surprise=1).startswith("dropped: ")
    assert task.run(1, 2, 3, 4, 5).startswith("dropped: ")
