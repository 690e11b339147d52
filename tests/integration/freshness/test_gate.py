"""The gate before what a person starts: a wide purge is confirmed first, judged on what it will really remove."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

import invalidation
from deploy.local import free_port
from invalidation.freshness import generation, index
from invalidation.models import Event
from invalidation.status.gate import judge
from invalidation.targets.values import Targets
from project.blog.models import Category, Post
from project.settings import base
from tests.integration.freshness.conftest import Declare

SITE = "http://testserver"
MEMORY = {"PROVIDER": "invalidation.providers.memory.Memory", "OPTIONS": {"SECRET": "never-sent-anywhere"}}
PAGES = 1300
FORM = "admin:invalidation_event_purge"

SignIn = Callable[..., Client]


@pytest.fixture
def declare(declare: Declare, settings: Settings) -> Declare:
    """As everywhere in this folder, but the reference site serves the admin."""

    def declared(tiers: dict[str, Any], **values: Any) -> None:
        declare(tiers, **values)
        settings.ROOT_URLCONF, settings.MIDDLEWARE = base.ROOT_URLCONF, base.MIDDLEWARE

    return declared


@pytest.fixture(autouse=True)
def _known(declare: Declare, freshness_redis: redis.Redis) -> None:
    """Thirteen hundred pages, each of which shows posts."""
    declare({"memory": MEMORY}, SITES=[SITE])
    pipeline = freshness_redis.pipeline(transaction=False)
    for number in range(PAGES):
        index.register(pipeline, f"{SITE}/blog/{number}/", ["blog.post", f"page:{number}"], 60)
    pipeline.execute()


@pytest.fixture
def away(declare: Declare) -> None:
    """Redis is away, so that nobody knows how many pages carry a tag."""
    declare({"memory": MEMORY}, SITES=[SITE], REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")


@pytest.fixture
def sign_in(db: None) -> SignIn:
    """A browser of one who may edit posts, with the further permissions named."""

    def signed_in(*permissions: str) -> Client:
        with invalidation.suspend("the reference site shows its users as authors"):
            user = User.objects.create_user("grace", is_staff=True)
            named = Permission.objects.filter(content_type__app_label="invalidation", codename__in=permissions)
            user.user_permissions.set([*named, *Permission.objects.filter(codename__endswith="_post")])
        browser = Client()
        browser.force_login(user)
        return browser

    return signed_in


@pytest.fixture
def draft(db: None) -> Post:
    with invalidation.suspend("only the purge is looked at"):
        author = User.objects.create_user("ada")
        category = Category.objects.create(name="News", slug="news")
        post: Post = Post.objects.create(title="First", slug="first", body="…", category=category, author=author)
    return post


def refused(command: str, *arguments: str) -> str:
    """What the command said when it exited with 2, having stored nothing."""
    with pytest.raises(CommandError) as error:
        call_command(command, *arguments, stdout=io.StringIO())
    assert error.value.returncode == 2
    assert not Event.objects.exists()
    return str(error.value)


def press(browser: Client, post: Post, **typed: str) -> Any:
    """Choose "Purge cached copies" for one post in the blog's own admin."""
    data = {"action": "purge_cached_copies", "_selected_action": [post.pk], **typed}
    return browser.post(reverse("admin:blog_post_changelist"), data, follow=True)


def send(browser: Client, button: str, **fields: Any) -> Any:
    """Press one of the form's buttons."""
    return browser.post(reverse(FORM), {"lane": "editorial", button: "1", **fields})


@pytest.mark.django_db
def test_everything_on_the_command_line_needs_the_flag() -> None:
    assert refused("purge", "--everything") == "This reaches every copy; add --confirm-wide if that is meant."
    call_command("purge", "--everything", "--confirm-wide", stdout=io.StringIO())
    assert Event.objects.get().targets == {"everything": True}


@pytest.mark.django_db
@pytest.mark.parametrize("prefix", ["/", SITE, f"{SITE}/", "/de/"])
def test_a_whole_site_is_everything_by_another_name_also_after_its_languages_are_spread(
    prefix: str, declare: Declare
) -> None:
    declare({"memory": MEMORY}, SITES=[SITE], LANGUAGE_PREFIXES=["de", "fr"])
    assert "every copy" in refused("purge", "--prefix", prefix)


@pytest.mark.django_db
def test_a_language_variant_of_the_root_needs_the_permission_for_everything(declare: Declare, sign_in: SignIn) -> None:
    declare({"memory": MEMORY}, SITES=[SITE], LANGUAGE_PREFIXES=["de"])
    browser = sign_in("purge", "purge_wide")
    for button in ("preview", "confirm"):
        answer = send(browser, button, prefixes="/de/", confirm_wide="everything")
        assert "may not purge everything" in answer.content.decode()
    assert not Event.objects.exists()


def test_declared_variants_count(declare: Declare) -> None:
    targets = Targets.of(urls=[f"/{number}" for number in range(600)])
    assert judge(targets) is None
    declare({"memory": MEMORY}, SITES=[SITE], TRAILING_SLASH_TWINS=True)
    assert str(judge(targets)) == "up to 1200 URLs, of 1300 known"


def test_named_urls_count_also_where_the_index_knows_none(declare: Declare, freshness_redis: redis.Redis) -> None:
    freshness_redis.flushdb()
    assert str(judge(Targets.of(urls=[f"/{number}" for number in range(1001)]))) == "up to 1001 URLs, of 0 known"


def test_a_plan_that_is_widened_to_everything_is_judged_as_that(declare: Declare) -> None:
    cloudfront = {
        "PROVIDER": "invalidation.providers.cloudfront.CloudFront",
        "OPTIONS": {"DISTRIBUTION_ID": "E1", "TAGS": False, "ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b"},
    }
    urls = [f"/{number}" for number in range(100)]
    declare({"cloudfront": cloudfront}, SITES=[SITE], PLAN_PRICE_LIMIT_USD=1)
    assert judge(Targets.of(urls=urls)) is None
    declare({"cloudfront": cloudfront}, SITES=[SITE], PLAN_PRICE_LIMIT_USD=0.01)
    assert str(judge(Targets.of(urls=urls))) == "every copy in cloudfront"


def test_a_tag_beyond_what_the_index_keeps_is_judged_as_every_known_url(declare: Declare) -> None:
    declare({"memory": MEMORY}, SITES=[SITE], INDEX_MAX_URLS_PER_TAG=1)
    assert str(judge(Targets.of(tags=["page:1"]))) == "up to 1300 URLs, of 1300 known"


@pytest.mark.django_db
@pytest.mark.usefixtures("away")
def test_while_redis_is_away_the_share_is_unknown_and_counts_as_wide(sign_in: SignIn) -> None:
    words = "a number of URLs that can't be counted while Redis is away"
    for target in (("--tag", "page:1"), ("--prefix", "/blog/1/")):
        assert words in refused("purge", *target)
    browser = sign_in("purge", "purge_wide")
    assert words in send(browser, "confirm", tags="page:1").context["wide"].sentence
    assert send(browser, "confirm", tags="page:1", confirm_wide="uncounted").status_code == 302
    assert judge(Targets.of(urls=["/blog/1/"])) is None
    assert judge(Targets.of(keys=["sidebar"])) is None


def test_without_an_index_nothing_is_counted_and_everything_still_asked(declare: Declare) -> None:
    declare({"memory": MEMORY}, SITES=[SITE], REDIS_URL="")
    assert judge(Targets.of(tags=["blog.post"])) is None
    assert str(judge(Targets.of(prefixes=["/"]))) == "every copy"
    assert str(judge(Targets.of(urls=[f"/{number}" for number in range(1001)]))) == "up to 1001 URLs, of 0 known"


@pytest.mark.parametrize(
    ("typed", "held"),
    [("everything", True), (" Everything ", True), ("", False), ("on", False), ("1300", False)],
)
def test_everything_is_confirmed_by_its_word_alone(typed: str, held: bool) -> None:
    wide = judge(Targets.of(everything=True))
    assert wide
    assert wide.confirmed(typed) is held


@pytest.mark.parametrize(
    ("typed", "held"),
    [("1300", True), ("1,300", True), ("1250", True), ("1000", False), ("99999", False), ("on", False), ("", False)],
)
def test_a_number_is_confirmed_by_typing_it_and_may_have_grown_a_little_since(typed: str, held: bool) -> None:
    wide = judge(Targets.of(tags=["blog.post"]))
    assert wide
    assert wide.confirmed(typed) is held
    assert not wide.confirmed("²" * 3)
    assert not wide.confirmed("9" * 5000)


def test_the_form_asks_for_what_is_shown_and_takes_nothing_else(sign_in: SignIn) -> None:
    browser = sign_in("purge", "purge_everything")
    shown = send(browser, "preview", everything="on")
    assert 'name="confirm_wide"' in shown.content.decode()
    assert shown.context["wide"].phrase == "everything"
    for typed in ({}, {"confirm_wide": "on"}, {"confirm_wide": "no"}):
        assert send(browser, "confirm", everything="on", **typed).status_code == 200
    assert not Event.objects.exists()
    assert send(browser, "confirm", everything="on", confirm_wide="everything").status_code == 302


def test_wide_purges_need_their_own_permission(sign_in: SignIn) -> None:
    browser = sign_in("purge")
    for button in ("preview", "confirm"):
        answer = send(browser, button, tags="blog.post", confirm_wide=str(PAGES))
        assert "may not purge so many" in answer.content.decode()
    assert not Event.objects.exists()
    assert send(browser, "confirm", tags="page:1").status_code == 302


def test_the_row_action_on_one_draft_asks_before_it_purges_every_page(sign_in: SignIn, draft: Post) -> None:
    browser = sign_in("purge", "purge_wide")
    asked = press(browser, draft)
    assert not Event.objects.exists()
    shown = asked.content.decode()
    assert "URLs, of 1300 known" in shown
    assert f'name="_selected_action" value="{draft.pk}"' in shown
    press(browser, draft, confirm_wide="on")
    assert not Event.objects.exists()
    press(browser, draft, confirm_wide=asked.context["wide"].phrase)
    assert "blog.post" in Event.objects.get().targets["tags"]


def test_the_row_action_is_refused_to_those_who_may_not_purge_wide(sign_in: SignIn, draft: Post) -> None:
    answer = press(sign_in("purge"), draft, confirm_wide=str(PAGES))
    assert "may not purge so many" in answer.content.decode()
    assert not Event.objects.exists()


@pytest.mark.django_db
def test_a_deployment_whose_purge_turns_out_wide_needs_the_flag_and_changes_nothing_without(
    declare: Declare, freshness_redis: redis.Redis
) -> None:
    declare({"memory": MEMORY}, SITES=[SITE], DEPLOY_TAGS=["blog.post"])
    assert "add --confirm-wide" in refused("cache_deploy", "--phase", "deploy", "--release", "r1")
    assert not freshness_redis.exists(generation.KEY)
    output = io.StringIO()
    with pytest.raises(CommandError):  # nobody works here, so that the purge does not end in time
        call_command(
            "cache_deploy", "--phase", "deploy", "--release", "r1", "--confirm-wide", "--wait", "0", "--format", "json",
            stdout=output,
        )  # fmt: skip
    assert json.loads(output.getvalue())["purge"]["status"] == "pending"


@pytest.mark.django_db
def test_settings_that_declare_a_whole_site_for_deployments_have_said_so(declare: Declare) -> None:
    declare({"memory": MEMORY}, SITES=[SITE], DEPLOY_PREFIXES=["/"])
    with pytest.raises(CommandError, match="pending after 0 s"):
        call_command("cache_deploy", "--phase", "deploy", "--wait", "0", stdout=io.StringIO())
    assert Event.objects.get().targets == {"prefixes": ["/"]}


@pytest.mark.django_db
def test_settings_that_mean_a_whole_site_without_saying_so_need_the_flag(declare: Declare) -> None:
    declare({"memory": MEMORY}, SITES=[SITE], DEPLOY_PREFIXES=["/de/"], LANGUAGE_PREFIXES=["de"])
    assert "every copy" in refused("cache_deploy", "--phase", "deploy")
