"""What the documents tell an operator to enter works on the running system."""

from __future__ import annotations

import pytest

from deploy.local.stack import Stack
from tests.adoption.documentation.commands import managed

#: Tested by themselves: they need a CDN, PostgreSQL, an event, a fresh machine, or take their time.
ELSEWHERE = {
    *(
        "cache_deploy",
        "cloudflare_rules",
        "invalidation_audit",
        "invalidation_doctor",
        "invalidation_token",
        "invalidation_proxy",
        "migrate",
        "collectstatic",
        "check",
    ),
    *("makemigrations", "runserver", "shell", "startapp"),
}
LONG = {"ID", "--continuous", "--rate"}
HARMLESS = [words for words in managed() if words[0] not in ELSEWHERE and not LONG & set(words)]


@pytest.mark.parametrize("words", HARMLESS, ids=" ".join)
def test_a_documented_command_succeeds(stack: Stack, words: list[str]) -> None:
    there = [word.replace("https://example.com", stack.site_url) for word in words]
    done = stack.manage(*there)
    assert done.returncode == 0, done.stdout + done.stderr
