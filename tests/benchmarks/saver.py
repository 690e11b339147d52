"""The process that saves: posts in turn at a fixed rate, by the clock: `python -m … ours 30 200 FILE`.

Kinds: `ours`; `naive`, which sends a task of its own; `takedown`, which saves nothing and purges in the foremost lane.
Runs in the environment of the site. Writes to FILE at what moment each post's save was committed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from project.blog.models import Post

#: Saves before the first that counts: connections and imports are paid once by each process.
WARMING = 5
EXCERPT = "Saved by the benchmark."


def main(kind: str, rate: float, saves: int, file: Path) -> None:
    """Create the posts, save each once, write down the moments."""
    import invalidation

    with invalidation.suspend("benchmark"):
        posts = created(kind, rate, saves + WARMING)
    quiet: AbstractContextManager[object] = invalidation.suspend("naive") if kind == "naive" else nullcontext()
    with quiet:
        list(saved(kind, posts[:WARMING], rate=10))
        time.sleep(1)  # what the warming set going is over
        file.write_text(json.dumps(dict(saved(kind, posts[WARMING:], rate))))


def created(kind: str, rate: float, number: int) -> Sequence[Post]:
    """Published posts that nobody has saved yet, in the place of those of an earlier run, which lists would show."""
    from project.blog.models import Author, Category, Post

    Post.objects.filter(excerpt=EXCERPT).delete()
    prefix = f"{kind}-{rate:g}-{time.time_ns()}-"
    shared = {"author": Author.objects.earliest("id"), "category": Category.objects.earliest("id")}
    text = {"title": "x", "excerpt": EXCERPT, "body": "x" * 2000, "status": Post.Status.PUBLISHED}
    Post.objects.bulk_create(Post(slug=f"{prefix}{n}", **shared, **text) for n in range(number))
    return list(Post.objects.filter(slug__startswith=prefix).select_related("author", "category").order_by("id"))


def saved(kind: str, posts: Sequence[Post], rate: float) -> Iterator[tuple[str, int]]:
    """Each post's path, and when it was committed; the next is due by the clock, not after the last."""
    started = time.perf_counter()
    for number, post in enumerate(posts):
        time.sleep(max(0.0, started + number / rate - time.perf_counter()))
        yield post.get_absolute_url(), committed(kind, post)


def committed(kind: str, post: Post) -> int:
    """Save one post as a request would; nanoseconds of the machine's clock, before what runs after a commit."""
    from django.db import transaction

    import invalidation
    from tests.benchmarks.naive import purge_after_commit

    moments: list[int] = []
    post.title += "x"
    with transaction.atomic():
        transaction.on_commit(lambda: moments.append(time.time_ns()))
        if kind == "takedown":
            invalidation.invalidate(urls=[post.get_absolute_url()], lane="takedown")
        else:
            post.save()
        if kind == "naive":
            purge_after_commit(post)
    return moments[0]


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
