"""What mkdocs is told beside mkdocs.yml, so that pages that are written for the repository are right on the site too.

Links are relative to the repository's files, and anchors as a repository's host makes them. A few pages stand outside
docs/; what else does is not on the site: such a link leads to `repo_url`, or is text where none is set.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
"""Pages of the site that stand at the top of the repository."""
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]\n]+)\]\((?P<path>[^)#:\s]+)(?P<anchor>#[^)\s]*)?\)")
FENCE = re.compile(r" *```")
NUMBERED = re.compile(r"\d\. ")


def on_config(config: MkDocsConfig) -> None:
    """Let headings have the anchors that links name."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = anchor


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages from outside docs/."""
    from mkdocs.structure.files import File

    for name in OUTSIDE:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page as the site's Markdown takes it."""
    path = page.file.src_uri
    source = path if path in OUTSIDE else f"docs/{path}"
    return "\n".join(relinked(indented(markdown.splitlines()), source, config.repo_url or ""))


def anchor(heading: str, separator: str = "-") -> str:
    """As a repository's host names a heading: `Keys & tags` is `keys--tags`."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", separator)


def indented(lines: Iterable[str]) -> Iterator[str]:
    """What goes on with a numbered item by four spaces; the site's Markdown takes three for the item's end."""
    inside = False
    for line in lines:
        goes_on = line.startswith("   ")
        inside = bool(NUMBERED.match(line)) or (inside and (goes_on or not line))
        yield f" {line}" if inside and goes_on else line


def relinked(lines: Iterable[str], source: str, repository: str) -> Iterator[str]:
    """The lines with the links of the site, but for blocks of code; `source` is a path in the repository."""
    fenced = False
    for line in lines:
        fenced ^= bool(FENCE.match(line))
        yield line if fenced else LINK.sub(lambda link: _relinked(link, source, repository), line)


def _relinked(link: re.Match[str], source: str, repository: str) -> str:
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link["path"]))
    if target in OUTSIDE or target.startswith("docs/"):
        here = posixpath.dirname(source.removeprefix("docs/"))
        there = posixpath.relpath(target.removeprefix("docs/"), here or ".")
        return f"[{link['text']}]({there}{link['anchor'] or ''})"
    return f"[{link['text']}]({repository.rstrip('/')}/blob/main/{target})" if repository else link["text"]
