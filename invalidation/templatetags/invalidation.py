"""`{% taggedcache %}`: a template fragment that an invalidation of its tags makes stale."""

from __future__ import annotations

from django import template
from django.core.cache.utils import make_template_fragment_key
from django.template.base import FilterExpression, NodeList, Parser, Token, token_kwargs
from django.template.context import Context

from invalidation import conf
from invalidation.caching.values.store import TaggedCache, names
from invalidation.http.tags import add_cache_tags

register = template.Library()


class TaggedCacheNode(template.Node):
    """Renders what it encloses, or takes it from the cache."""

    def __init__(
        self,
        nodelist: NodeList,
        timeout: FilterExpression,
        name: FilterExpression,
        vary_on: list[FilterExpression],
        options: dict[str, FilterExpression],
    ) -> None:
        self.nodelist = nodelist
        self.timeout = timeout
        self.name = name
        self.vary_on = vary_on
        self.options = options

    def render(self, context: Context) -> str:
        """The fragment. The page that shows it becomes stale with it, so it carries its tags too."""
        tags = names(self.options["tags"].resolve(context)) if "tags" in self.options else ()
        if "request" in context:
            add_cache_tags(context["request"], *tags)
        values = [expression.resolve(context) for expression in self.vary_on]
        key = make_template_fragment_key(self.name.resolve(context), values)
        alias = self.options["using"].resolve(context) if "using" in self.options else "default"
        timeout = self.timeout.resolve(context)
        return TaggedCache(alias).get_or_set(key, lambda: self.nodelist.render(context), timeout, tags=tags)


@register.tag
def taggedcache(parser: Parser, token: Token) -> TaggedCacheNode:
    """`{% taggedcache SECONDS NAME [VARY_ON …] [tags=TAGS] [using=ALIAS] %} … {% endtaggedcache %}`.

    SECONDS may be None for no end. TAGS is a list, or a string of one or several tags separated by spaces; where none
    are named, what the fragment reads gives them, with automatic tags.
    """
    bits = token.split_contents()[1:]
    nodelist = parser.parse(("endtaggedcache",))
    parser.delete_first_token()
    plain = [parser.compile_filter(word) for word in bits if "=" not in word.split('"')[0].split("'")[0]]
    options = token_kwargs([word for word in bits if "=" in word.split('"')[0].split("'")[0]], parser)
    is_tagged = "tags" in options or conf.settings().pages.automatic_tags
    if len(plain) < 2 or not is_tagged or set(options) - {"tags", "using"}:  # noqa: PLR2004 (seconds, name)
        raise template.TemplateSyntaxError(
            "Write {% taggedcache SECONDS NAME [VARY_ON …] tags=TAGS [using=ALIAS] %}: TAGS name what makes it stale."
        )
    timeout, name, *vary_on = plain
    return TaggedCacheNode(nodelist, timeout, name, vary_on, options)
