"""Speaks to the Django admin as a browser does: signs in, reads a form, sends it back with changes."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TypeAlias

import requests

Values: TypeAlias = dict[str, list[str]]

TIMEOUT_SECONDS = 20.0


class FormRefusedError(Exception):
    """The site showed the form again; the message holds its complaints."""


class Form(HTMLParser):
    """What a browser would send for the one form of a page that is sent by POST and has fields of its own."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.values: Values = {}
        self.errors: list[str] = []
        self._select = ""
        self._textarea = ""
        self._option: tuple[str, bool] | None = None
        self._inside_errors = False
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Collect the values that stand in attributes."""
        given = {name: value or "" for name, value in attributes}
        name = given.get("name", "")
        if tag == "input" and name:
            self._input(name, given)
        elif tag == "textarea":
            self._textarea = name
            self.values[name] = [""]
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in given:
            self.values.setdefault(self._select, []).append(given.get("value", ""))
        self._inside_errors |= tag == "ul" and "errorlist" in given.get("class", "")

    def _input(self, name: str, given: dict[str, str]) -> None:
        kind = given.get("type", "text")
        if kind in ("submit", "button", "file", "image") or (kind in ("checkbox", "radio") and "checked" not in given):
            return
        self.values.setdefault(name, []).append(given.get("value", "on" if kind == "checkbox" else ""))

    def handle_endtag(self, tag: str) -> None:
        """Leave the element."""
        if tag == "textarea":
            self._textarea = ""
        elif tag == "select":
            self._select = ""
        elif tag == "ul":
            self._inside_errors = False

    def handle_data(self, data: str) -> None:
        """Collect a text area's content and the complaints."""
        if self._textarea:
            # A browser drops the newline that HTML puts first (html.spec.whatwg.org, "textarea").
            self.values[self._textarea] = [(self.values[self._textarea][0] + data).removeprefix("\n")]
        elif self._inside_errors and data.strip():
            self.errors.append(data.strip())


class Admin:
    """A signed-in session in the Django admin at `url`, which ends with a slash."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.submit("login/", {"username": [username], "password": [password]})

    def form(self, path: str) -> Form:
        """The form at `path` as it is shown."""
        answer = self.session.get(self.url + path, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        return Form(answer.text)

    def submit(self, path: str, changes: Values, *, button: str = "_save") -> str:
        """Send the form at `path` back with `changes`; return the address that the site leads to.

        Raises:
            FormRefusedError: the form has complaints, or the site answered with an error.
        """
        return self.send(path, self.form(path).values | changes, button=button)

    def send(self, path: str, values: Values, *, button: str = "_save") -> str:
        """Send a form that was read before; otherwise as `submit`."""
        answer = self.session.post(
            self.url + path,
            data={button: ["Save"]} | values,
            headers={"Referer": self.url + path},
            allow_redirects=False,
            timeout=TIMEOUT_SECONDS,
        )
        if answer.status_code != requests.codes.found:
            complaints = Form(answer.text).errors or [answer.text[:300]]
            raise FormRefusedError(f"{path} answered {answer.status_code}: {'; '.join(complaints)}")
        return answer.headers["Location"]
