"""Writes plausible posts from word lists: the same number always gives the same text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from random import Random

from django.utils.text import slugify

AUTHORS = {
    "amara": "Amara Okafor",
    "bruno": "Bruno Keller",
    "chiyo": "Chiyo Tanaka",
    "dalia": "Dalia Haddad",
    "eero": "Eero Virtanen",
    "flora": "Flora Mendes",
}
SUBJECTS = {
    "Engineering": ["message queues", "slow queries", "cache keys", "flaky tests", "small releases", "old code"],
    "Design": ["empty states", "type scales", "colour contrast", "error messages", "long forms", "quiet interfaces"],
    "Operations": ["night alerts", "capacity plans", "runbooks", "backups", "log retention", "canary releases"],
    "Food": ["sourdough", "winter soups", "pickled lemons", "street noodles", "bitter greens", "slow roasts"],
    "Travel": ["night trains", "ferry routes", "mountain huts", "border towns", "city rivers", "coastal paths"],
    "Books": ["short novels", "travel diaries", "letters", "translated poetry", "field guides", "second readings"],
}
TAGS = {
    "Engineering": ["Python", "Django", "Caching", "Databases", "Testing"],
    "Design": ["Typography", "Accessibility", "Layout", "Writing"],
    "Operations": ["Monitoring", "Incidents", "Deployment", "Linux"],
    "Food": ["Baking", "Vegetarian", "Seasonal", "Preserves"],
    "Travel": ["Trains", "Walking", "Islands", "Winter"],
    "Books": ["Fiction", "Essays", "History", "Nature"],
}
TITLES = [
    "What {subject} taught me about {lesson}",
    "A field guide to {subject}",
    "In praise of {subject}",
    "{subject} and the art of {lesson}",
    "A year with {subject}",
    "Notes on {subject} and {lesson}",
    "The hidden cost of {subject}",
    "Learning {lesson} from {subject}",
]
LESSONS = ["patience", "attention", "restraint", "good timing", "letting go", "careful measuring", "asking early"]
OPENINGS = ["Last {season}", "For years", "On a grey morning", "Before the move", "After the third attempt", "At first"]
SEASONS = ["spring", "summer", "autumn", "winter"]
PEOPLE = ["a colleague", "my neighbour", "an old friend", "the whole team", "my sister", "a stranger on the train"]
VERBS = ["asked about", "gave up on", "fell in love with", "rediscovered", "argued over", "finally understood"]
FEELINGS = ["it felt like a chore", "nobody expected much", "the plan looked simple", "it seemed far too late to start"]
TURNS = [
    "What helped was writing every step down and crossing half of them out.",
    "The second attempt went better, mostly because we changed one thing at a time.",
    "It is easy to mistake speed for progress, and we did so more than once.",
    "Nothing about it was clever; it only had to be done in the right order.",
    "The best advice came late and was short: look first, then touch.",
    "We measured before and after, and the numbers were kinder than our memory.",
    "There is a version of this story with a neat ending, but this is not it.",
    "Small habits carried more weight than any of the large decisions.",
]
CLOSINGS = [
    "I would do it again, with fewer tools and more time.",
    "If you try it, start smaller than you think you should.",
    "That is all there is to {subject}: {lesson}, and then some more of it.",
    "Next time I will write about what went wrong in between.",
]


@dataclass(frozen=True, slots=True)
class Draft:
    """The words of one post, and the names of what it belongs to."""

    slug: str
    title: str
    excerpt: str
    body: str
    category: str
    tags: tuple[str, ...]
    author: str


def drafts(count: int) -> list[Draft]:
    """The first `count` posts; a title that comes again is a further part."""
    seen: Counter[str] = Counter()
    return [_numbered(_draft(number), seen) for number in range(count)]


def _numbered(text: Draft, seen: Counter[str]) -> Draft:
    seen[text.title] += 1
    part = seen[text.title]
    title = text.title if part == 1 else f"{text.title}, part {part}"
    return replace(text, title=title, slug=slugify(title))


def _draft(number: int) -> Draft:
    random = Random(number)  # noqa: S311 - text, not secrets
    category = random.choice(list(SUBJECTS))
    subject, lesson = random.choice(SUBJECTS[category]), random.choice(LESSONS)
    title = random.choice(TITLES).format(subject=subject, lesson=lesson)
    paragraphs = [_paragraph(random, subject, lesson) for _ in range(random.randint(4, 9))]
    return Draft(
        slug="",
        title=title[0].upper() + title[1:],
        excerpt=_opening(random, subject),
        body="\n\n".join(paragraphs),
        category=category,
        tags=_tags(random, category),
        author=random.choice(list(AUTHORS)),
    )


def _opening(random: Random, subject: str) -> str:
    opening = random.choice(OPENINGS).format(season=random.choice(SEASONS))
    return f"{opening} {random.choice(PEOPLE)} {random.choice(VERBS)} {subject}, and {random.choice(FEELINGS)}."


def _paragraph(random: Random, subject: str, lesson: str) -> str:
    turns = random.sample(TURNS, random.randint(2, 4))
    closing = random.choice(CLOSINGS).format(subject=subject, lesson=lesson)
    return " ".join([_opening(random, subject), *turns, closing])


def _tags(random: Random, category: str) -> tuple[str, ...]:
    """One to three of the category's own, sometimes one of another's."""
    own = random.sample(TAGS[category], random.randint(1, 3))
    stray = random.sample([tag for tags in TAGS.values() for tag in tags if tag not in own], random.randint(0, 1))
    return (*own, *stray)
