"""A project that has pages, a cache and a Celery application adopts the app, by the how-to's own blocks."""

from __future__ import annotations

import pytest

from deploy.local import wait_for
from tests.adoption import house
from tests.adoption.follower import Follower
from tests.fixtures.servers import ROOT

PAGE = "curl -si http://127.0.0.1:6081/blog/?utm_source=mail | grep -e X-Cache: -e trains"
SETTINGS = (
    "from project.celery import app; print({key: app.conf[key] for key in ('task_default_queue', 'task_acks_late')})"
)


@pytest.mark.timeout(900)  # a busy machine; alone it takes less than a minute
def test_the_how_to_leads_to_a_purged_page_and_leaves_the_house_as_it_was(follower: Follower) -> None:
    house.build(follower)
    follower.type(f'python manage.py shell -c "{SETTINGS}"', "{'task_default_queue': 'house', 'task_acks_late': False}")
    follower.type("python manage.py migrate")
    follower.type(f"python manage.py shell -c '{house.POST}'")
    follower.follow(ROOT / "docs/how-to/adopt.md")
    follower.type(PAGE, "X-Cache: HIT", "Night trains")
    follower.type(f"python manage.py shell -c '{house.EDIT}'")
    follower.type(PAGE, "X-Cache: HIT", "Slow trains")
    follower.type(f'python manage.py shell -c "{SETTINGS}"', "{'task_default_queue': 'house', 'task_acks_late': False}")
    wait_for((follower.folder / "ticked").exists, 60, "the house's own schedule entry to fire")
