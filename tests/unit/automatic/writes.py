"""Writes of every kind, drawn by chance from a seed: to the blog and to the library. Each has a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from random import Random
from typing import Any

from django.core.management.color import no_style
from django.db import connection
from django.utils import timezone

from project.blog.models import Author, Category, Post, Tag
from tests.fixtures.library import kinds
from tests.fixtures.library import models as library

#: Of posts and tags, so that there is something to write.
FEWEST = 5
Write = tuple[str, Callable[[], object]]


def saved(row: Any, **values: Any) -> None:
    """An edit, as the admin makes it."""
    for name, value in values.items():
        setattr(row, name, value)
    row.save()


class BlogWrites:
    """What editors do."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.number = 0

    def __call__(self, count: int) -> Iterator[Write]:
        """So many."""
        every = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("write_")]
        for turn in range(count):
            self.number += 1
            write = every[turn] if turn < len(every) else self.random.choice(every)
            yield write.__name__.removeprefix("write_"), write

    def _one(self, model: Any) -> Any:
        return self.random.choice(list(model.objects.order_by("pk")))

    def _post(self) -> Any:
        return self.random.choice(list(Post.objects.filter(Post.public()).order_by("pk")))

    def write_title(self) -> None:
        saved(self._post(), title=f"New title {self.number}")

    def write_body(self) -> None:
        saved(self._post(), body=f"New words {self.number}. " * self.random.randint(1, 900))

    def write_excerpt(self) -> None:
        saved(self._post(), excerpt=f"New excerpt {self.number}")

    def write_slug(self) -> None:
        saved(self._post(), slug=f"new-slug-{self.number}")

    def write_category_of_a_post(self) -> None:
        saved(self._post(), category=self._one(Category))

    def write_author_of_a_post(self) -> None:
        saved(self._post(), author=self._one(Author))

    def _has_many(self) -> bool:
        return bool(Post.objects.filter(Post.public()).count() > FEWEST)

    def write_unpublish(self) -> None:
        if self._has_many():
            saved(self._post(), status=Post.Status.DRAFT)

    def write_publish(self) -> None:
        if draft := Post.objects.filter(status=Post.Status.DRAFT).order_by("pk").first():
            saved(draft, status=Post.Status.PUBLISHED)

    def write_draft(self) -> None:
        if draft := Post.objects.filter(status=Post.Status.DRAFT).order_by("pk").first():
            saved(draft, title=f"Secret {self.number}")

    def write_date(self) -> None:
        saved(self._post(), published_at=timezone.now() - timedelta(days=self.random.randint(1, 300)))

    def write_expiry(self) -> None:
        if self._has_many():
            saved(self._post(), expires_at=timezone.now() - timedelta(days=1))

    def write_new_post(self) -> None:
        post = Post(
            title=f"Post {self.number}",
            slug=f"post-{self.number}",
            excerpt="New",
            body="New",
            category=self._one(Category),
            author=self._one(Author),
            status=Post.Status.PUBLISHED,
        )
        post.save()
        post.tags.set(self.random.sample(list(Tag.objects.order_by("pk")), 2))

    def write_deleted_post(self) -> None:
        if self._has_many():
            self._post().delete()

    def write_tag_added(self) -> None:
        self._post().tags.add(self._one(Tag))

    def write_tag_removed(self) -> None:
        if post := Post.objects.filter(Post.public(), tags__gt=0).order_by("pk").first():
            post.tags.remove(post.tags.first())

    def write_tag_given_to_posts(self) -> None:
        self._one(Tag).posts.add(self._post(), self._post())

    def write_tags_cleared(self) -> None:
        self._post().tags.clear()

    def write_new_category(self) -> None:
        Category.objects.create(name=f"Category {self.number}", slug=f"category-{self.number}")

    def write_category_name(self) -> None:
        saved(self._one(Category), name=f"Category named {self.number}")

    def write_category_slug(self) -> None:
        saved(self._one(Category), slug=f"category-slug-{self.number}")

    def write_new_tag(self) -> None:
        Tag.objects.create(name=f"Tag {self.number}", slug=f"tag-{self.number}")

    def write_tag_name(self) -> None:
        saved(self._one(Tag), name=f"Tag named {self.number}")

    def write_deleted_tag(self) -> None:
        if Tag.objects.count() > FEWEST:
            self._one(Tag).delete()

    def write_author_name(self) -> None:
        saved(self._one(Author), last_name=f"Named {self.number}")

    def write_author_username(self) -> None:
        saved(self._one(Author), username=f"author-{self.number}")

    def write_author_sign_in(self) -> None:
        saved(self._one(Author), last_login=timezone.now())

    def write_views(self) -> None:
        Post.objects.filter(pk=self._post().pk).update(view_count=self.number)

    def write_many_excerpts(self) -> None:
        Post.objects.filter(category=self._one(Category)).update(excerpt=f"Many {self.number}")

    def write_posts_moved_in_bulk(self) -> None:
        posts = [self._post(), self._post()]
        for post in posts:
            post.category = self._one(Category)
        Post.objects.bulk_update(posts, ["category"])


MODELS = (kinds.Plain, kinds.Owner, kinds.Owned, kinds.Node, kinds.Group, kinds.Member, kinds.Left, kinds.Right)
LIBRARY = (library.Author, library.Genre, library.Shelf)


def filled() -> None:
    """The library before the first write; its keys begin with 1, whatever was there before."""
    for number in range(1, 5):
        models: tuple[Any, ...] = (*MODELS, kinds.Child)
        for model in models:
            model.objects.create(pk=number, slug=f"{model._meta.model_name}-{number}", note=f"note {number}")
        for plain in LIBRARY:
            plain.objects.create(pk=number, slug=f"{plain._meta.model_name}-{number}")
        kinds.Token.objects.create(
            pk=f"00000000-0000-4000-8000-00000000000{number}", slug=f"token-{number}", note=f"note {number}"
        )
    for number in range(1, 6):
        author = library.Author.objects.get(pk=1 + number % 3)
        book = library.Book.objects.create(pk=number, title=f"a{6 - number}", slug=f"book-{number}", author=author)
        book.genres.set(library.Genre.objects.filter(pk__lte=number))
        library.Review.objects.create(text=f"review {number}", subject=book)
        library.Placement.objects.create(book=book, shelf_id=1 + number % 2, position=9 - number)
    _count_on_from_there()
    for member, owned in zip(kinds.Member.objects.all(), kinds.Owned.objects.all(), strict=True):
        member.groups.add(*kinds.Group.objects.filter(pk__lte=member.pk))
        saved(owned, owner=kinds.Owner.objects.get(pk=1 + owned.pk % 2))
    for node in kinds.Node.objects.filter(pk__gt=1):
        saved(node, parent_id=1)
        node.friends.add(1)
    kinds.Joint.objects.create(left_id=1, right_id=1)


def _count_on_from_there() -> None:
    """PostgreSQL knows nothing of keys that were given."""
    every = [*MODELS, *LIBRARY, kinds.Parent, library.Book]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), every):
            cursor.execute(statement)


class LibraryWrites(BlogWrites):
    """Writes to rows of every kind of model."""

    def _row(self, model: Any) -> Any:
        return self.random.choice([*model.objects.order_by("pk")]) if model.objects.exists() else None

    def __call__(self, count: int) -> Iterator[Write]:
        every = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("library_")]
        for turn in range(count):
            self.number += 1
            write = every[turn] if turn < len(every) else self.random.choice(every)
            yield write.__name__, write

    def library_note(self) -> None:
        model = self.random.choice([*MODELS, kinds.Child, kinds.Token])
        if row := self._row(model):
            saved(row, note=self.random.choice(["hidden", f"note {self.number}"]))

    def library_slug(self) -> None:
        model = self.random.choice([*MODELS, *LIBRARY, kinds.Child, kinds.Token])
        if row := self._row(model):
            saved(row, slug=f"{model._meta.model_name}-moved-{self.number}")

    def library_slug_that_was_missing(self) -> None:
        kinds.Plain.objects.filter(slug="plain-new").delete()
        kinds.Plain.objects.create(slug="plain-new", note=f"{self.number}")

    def library_key_that_was_missing(self) -> None:
        if not kinds.Plain.objects.filter(pk=7).exists():
            kinds.Plain.objects.create(pk=7, slug=f"seven-{self.number}", note="seven")

    def library_created(self) -> None:
        model: Any = self.random.choice([*MODELS, *LIBRARY, kinds.Child, kinds.Token])
        model.objects.create(slug=f"{model._meta.model_name}-made-{self.number}")

    def library_deleted(self) -> None:
        model = self.random.choice([kinds.Plain, kinds.Group, kinds.Member, kinds.Owned, kinds.Child])
        if row := self._row(model):
            row.delete()

    def library_book_title(self) -> None:
        saved(self._row(library.Book), title=self.random.choice(["new", f"a{self.number}", f"b{self.number}"]))

    def library_book_created(self) -> None:
        author = self._row(library.Author)
        library.Book.objects.create(title="new", slug=f"book-made-{self.number}", author=author)

    def library_book_deleted(self) -> None:
        if library.Book.objects.count() > 3:
            self._row(library.Book).delete()

    def library_book_author(self) -> None:
        saved(self._row(library.Book), author=self._row(library.Author))

    def library_book_genres(self) -> None:
        book: Any = library.Book.objects.order_by("pk").first()
        self.random.choice([book.genres.add, book.genres.remove])(self._row(library.Genre))

    def library_genre_books(self) -> None:
        self._row(library.Genre).books.set([self._row(library.Book)])

    def library_groups(self) -> None:
        if (member := self._row(kinds.Member)) and (group := self._row(kinds.Group)):
            self.random.choice([member.groups.add, member.groups.remove])(group)

    def library_friends(self) -> None:
        node: Any = kinds.Node.objects.order_by("pk").first()
        self.random.choice([node.friends.add, node.friends.remove])(self._row(kinds.Node))

    def library_parent(self) -> None:
        saved(self._row(kinds.Node), parent=self._row(kinds.Node))

    def library_owner(self) -> None:
        if row := self._row(kinds.Owned):
            saved(row, owner=self.random.choice([None, self._row(kinds.Owner)]))

    def library_owner_deleted(self) -> None:
        if kinds.Owner.objects.count() > 2:
            self._row(kinds.Owner).delete()

    def library_joint(self) -> None:
        kinds.Joint.objects.get_or_create(left=self._row(kinds.Left), right=self._row(kinds.Right))

    def library_joint_deleted(self) -> None:
        if row := kinds.Joint.objects.first():
            row.delete()

    def library_placement(self) -> None:
        if row := self._row(library.Placement):
            saved(row, position=self.number, shelf=self._row(library.Shelf))

    def library_review(self) -> None:
        if row := self._row(library.Review):
            saved(row, text=f"review {self.number}")

    def library_review_created(self) -> None:
        library.Review.objects.create(text=f"review {self.number}", subject=self._row(library.Book))

    def library_child_year(self) -> None:
        if row := self._row(kinds.Child):
            saved(row, year=2000 + self.number)

    def library_bulk_update(self) -> None:
        kinds.Plain.objects.update(note=f"bulk {self.number}")

    def library_bulk_create(self) -> None:
        kinds.Group.objects.bulk_create(kinds.Group(slug=f"bulk-{self.number}-{n}") for n in range(3))
