"""What a user would write instead of this app: one Celery task per save, which purges the save's URLs in turn."""

from __future__ import annotations

import os
from typing import Any

import requests
from celery import shared_task
from django.db import transaction

from project.blog.invalidations import PostRules
from project.blog.models import Post
from project.blog.queries import summary_key

session = requests.Session()


@shared_task(name="naive.purge")
def purge(urls: list[str], key: str) -> None:
    """The cached summary, then every URL at Varnish, then at Nginx, which would else be filled with old pages."""
    from django.core.cache import cache

    cache.delete(key)
    for node in (os.environ["VARNISH_NODES"], os.environ["NGINX_NODES"]):
        for url in urls:
            headers = {"Host": _host(), "X-Forwarded-Proto": "http", "X-Purge-Secret": os.environ["PURGE_SECRET"]}
            answer = session.request("PURGE", f"{node}{url}", headers=headers, timeout=5)
            if answer.status_code not in (200, 404, 412):
                answer.raise_for_status()


def purge_after_commit(post: Post) -> None:
    """In the transaction that saves the post."""
    urls = [post.get_absolute_url(), *PostRules(Post).urls(post)]
    arguments: dict[str, Any] = {"urls": urls, "key": summary_key(post)}
    transaction.on_commit(lambda: purge.apply_async(kwargs=arguments, retry=False, ignore_result=True))


def _host() -> str:
    return os.environ["SITE_URLS"].partition("://")[2]
