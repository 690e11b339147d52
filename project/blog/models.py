"""What the blog stores: posts with a category, tags and an author."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import User
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from invalidation.caching import CachedManager


class Category(models.Model):
    """A section of the blog; every post is in exactly one."""

    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(max_length=80, unique=True)

    objects: ClassVar[CachedManager[Category]] = CachedManager()

    class Meta:
        ordering = ("name",)
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Its list of posts."""
        return reverse("blog:category", args=[self.slug])


class Tag(models.Model):
    """A topic that posts share across categories."""

    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(max_length=80, unique=True)

    objects: ClassVar[CachedManager[Tag]] = CachedManager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The list of posts, filtered by this tag."""
        return f"{reverse('blog:posts')}?tag={self.slug}"


class Author(User):
    """A user in the role of an author: whoever may sign in may write, and authors need not sign in."""

    # The stubs expect a UserManager; authors are made as users.
    objects: ClassVar[CachedManager[Author]] = CachedManager()

    class Meta:
        proxy = True
        ordering = ("username",)

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    def get_absolute_url(self) -> str:
        """Their list of posts."""
        return reverse("blog:author", args=[self.username])


class Post(models.Model):
    """An article; the public sees it once it is published."""

    class Status(models.TextChoices):
        """Who sees the post."""

        DRAFT = "draft"
        PUBLISHED = "published"

    title = models.CharField(max_length=200)
    slug = models.SlugField(max_length=200, unique=True)
    excerpt = models.CharField(max_length=300)
    body = models.TextField()
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="posts")
    tags = models.ManyToManyField(Tag, blank=True, related_name="posts")
    author = models.ForeignKey(Author, on_delete=models.PROTECT, related_name="posts")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.DRAFT)
    published_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)
    view_count = models.PositiveIntegerField(default=0, editable=False)

    objects: ClassVar[CachedManager[Post]] = CachedManager()

    class Meta:
        ordering = ("-published_at", "-pk")
        indexes = (models.Index(fields=["status", "-published_at", "-id"], name="blog_post_newest"),)

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Its page."""
        return reverse("blog:post", args=[self.slug])

    @classmethod
    def public(cls) -> models.Q:
        """As `is_published`, by the database's clock, so that the statement is the same at any time."""
        unending = models.Q(expires_at=None) | models.Q(expires_at__gt=Now())
        return unending & models.Q(status=cls.Status.PUBLISHED, published_at__lte=Now())

    @property
    def is_published(self) -> bool:
        """May the public see it, as things stand now?"""
        now = timezone.now()
        begun, over = self.published_at <= now, self.expires_at is not None and self.expires_at <= now
        return self.status == self.Status.PUBLISHED and begun and not over
