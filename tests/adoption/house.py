"""A project as it was before it adopted the app: with pages, a cache, and a Celery application of its own."""

from __future__ import annotations

from tests.adoption.follower import Follower

FILES = {
    "project/settings.py": """
INSTALLED_APPS += ["blog"]
CELERY_BROKER_URL = "redis://127.0.0.1:6379/0"
CELERY_TASK_DEFAULT_QUEUE = "house"
CELERY_BEAT_SCHEDULE = {"tick": {"task": "house.tick", "schedule": 1.0}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:6379/2"}}
DATABASES["default"] |= {
    "ATOMIC_REQUESTS": True,
    "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": "PRAGMA journal_mode=WAL"},
}
""",
    "project/celery.py": """
import os
import pathlib

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
app = Celery("project")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task(name="house.tick")
def tick():
    pathlib.Path("ticked").touch()
""",
    "project/__init__.py": """
from project.celery import app as celery_app
""",
    "project/urls.py": """
from blog import views
urlpatterns += [path("blog/", lambda request: views.post_list(request))]
""",
    "blog/models.py": """
class Category(models.Model):
    name = models.CharField(max_length=50)


class Post(models.Model):
    title = models.CharField(max_length=200)
    slug = models.SlugField()
    status = models.CharField(max_length=20)
    view_count = models.IntegerField(default=0)
    category = models.ForeignKey(Category, on_delete=models.CASCADE)

    def get_absolute_url(self):
        return f"/blog/{self.slug}/"
""",
}

START = (
    "python3 -m venv venv",
    ". venv/bin/activate",
    "pip install 'django-invalidation[celery]'",
    "django-admin startproject project .",
    "python manage.py startapp blog",
)
POST = (
    'from blog.models import *; Post.objects.create(title="Night trains", slug="a", status="published", '
    'category=Category.objects.create(name="Travel"))'
)
EDIT = 'from blog.models import Post; post = Post.objects.get(); post.title = "Slow trains"; post.save()'


def build(somebody: Follower) -> None:
    """Start a project, and add the files to those that it begins with."""
    for command in START:
        somebody.type(command)
    for name, code in FILES.items():
        with (somebody.folder / name).open("a") as file:
            file.write(somebody.here(code))
    somebody.type("python manage.py makemigrations blog")
