"""An HTTP response as a value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

#: Of a reply, what is stored and shown.
MAX_REPLY_CHARACTERS = 500


class Headers(Mapping[str, str]):
    """Fields of a response by name, in whatever case; repeated ones joined by commas (RFC 9110, 5.3)."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: dict[str, tuple[str, str]] = {}
        for name, value in fields:
            key = name.lower()
            before = self._fields.get(key)
            self._fields[key] = (name, f"{before[1]}, {value}" if before else value)

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        """The names as they were sent."""
        return (name for name, _ in self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, its body cut. It may repeat our secrets, and error reports show variables: no repr tells it."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    is_last: bool = False
    """No other answer can follow on its connection."""

    @property
    def text(self) -> str:
        """The body; what is not UTF-8 is replaced."""
        return self.body.decode(errors="replace")

    @property
    def raw(self) -> str:
        """Status and the beginning of the body, to store and to show."""
        return shortened(f"{self.status} {self.text}")


def shortened(text: str) -> str:
    """At most MAX_REPLY_CHARACTERS, on one line, without the zero bytes that no database stores."""
    return " ".join(text.replace("\0", " ").split())[:MAX_REPLY_CHARACTERS]
