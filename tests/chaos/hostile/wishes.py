"""What a hostile visitor asks for: made-up addresses, forged headers, purges, requests that say two things. Pure."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Mapping, Sequence

#: Longest query that every hop takes; beyond it Nginx answers 414 by itself.
JUNK_CHARACTERS = 3900
ALPHABET = string.ascii_letters + string.digits
#: Ways to spell a path that some parser along the way may understand differently.
SPELLINGS = (
    *("//{0}", "/.{0}", "/%2e%2e{0}", "/x/..{0}", "{0}%00", "{0};a=1", "{0}%3fx", "{0}#x", "{0}\\", "{0}%0d%0aX: y"),
    *("http://evil.example{0}", "{0}\xff", "/\N{LATIN SMALL LETTER SHARP S}{0}", "*", "{0}?%", "{0}?&&&=&"),
)
#: Headers that only a proxy, a worker or the application itself may say anything by.
FORGED: tuple[Mapping[str, str], ...] = (
    {"SCRIPT_NAME": "/evil"},
    {"Script-Name": "/evil"},
    {"X-Forwarded-Host": "evil.example"},
    {"X-Forwarded-Proto": "https"},
    {"X-Cache-Sequence": "9" * 30},
    {"Surrogate-Control": "max-age=9"},
    {"Surrogate-Key": "blog.post"},
    {"xkey-purge": "blog.post"},
    {"X-Ban-Everything": "1", "X-Purge-Secret": "guess"},
    {"Authorization": "Bearer guess"},
    {"Cookie": "sessionid=guess; csrftoken=guess"},
    {"X-HTTP-Method-Override": "PURGE"},
    {"Accept-Encoding": "gzip;q=\xb2", "Accept-Language": "x" * 2000},
    {"Range": "bytes=0-,1-,2-,3-"},
    {"If-None-Match": 'W/"' + "a" * 4000 + '"'},
    {"X-Request-ID": "'; DROP TABLE invalidation_event; --" + "a" * 500},
    {"Connection": "X-Forwarded-For, Host, Cookie"},
    {"Expect": "100-continue"},
)
#: A message that one hop may take for one request and the next for two.
SMUGGLED = (
    "POST {0} HTTP/1.1\r\nHost: {1}\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
    "GET {0} HTTP/1.1\r\nHost: {1}\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nPURGE",
    "GET {0} HTTP/1.1\r\nHost: {1}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"
    "PURGE {0} HTTP/1.1\r\nHost: {1}\r\n\r\n",
    "GET {0} HTTP/1.1\r\nHost: {1}\r\n X-Folded: a\r\nX: \0\r\n\r\n",
    "GET {0} HTTP/9.9\r\n\r\n",
    "GET {0}\r\n\r\n",
    "\r\n\r\n\r\n",
)

Wish = Callable[[random.Random, str, str], bytes]


def junk(chance: random.Random, most: int = JUNK_CHARACTERS) -> str:
    """Letters and digits that nobody has sent before."""
    return "".join(chance.choices(ALPHABET, k=chance.randint(1, most)))


def made(method: str, target: str, host: str, chance: random.Random, headers: Mapping[str, str] | None = None) -> bytes:
    """A whole request, from an address that it makes up: a proxy on the same machine may say where it comes from."""
    visitor = ".".join(str(chance.randint(1, 254)) for _ in range(4))
    lines = {"Host": host, "X-Forwarded-For": visitor, "Connection": "close", **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1", "replace")


def page(chance: random.Random, path: str, host: str) -> bytes:
    """What anybody asks for."""
    return made("GET", path, host, chance)


def query(chance: random.Random, path: str, host: str) -> bytes:
    """A page that is there, at an address that never was."""
    return made("GET", f"{path}?{junk(chance)}={chance.random()}", host, chance)


def many_parameters(chance: random.Random, path: str, host: str) -> bytes:
    """The same with every parameter that a form might have."""
    names = "&".join(f"{junk(chance, 8)}={junk(chance, 8)}" for _ in range(50))
    return made("GET", f"{path}?page={chance.randint(-5, 10**30)}&{names}", host, chance)


def nowhere(chance: random.Random, path: str, host: str) -> bytes:
    """A page that is not there."""
    return made("GET", f"{path}{junk(chance, 60)}/", host, chance)


def spelt(chance: random.Random, path: str, host: str) -> bytes:
    """A page by another spelling."""
    return made("GET", chance.choice(SPELLINGS).format(path), host, chance)


def forged(chance: random.Random, path: str, host: str) -> bytes:
    """With a header that the visitor may not set."""
    return made("GET", path, host, chance, chance.choice(FORGED))


def purge(chance: random.Random, path: str, host: str) -> bytes:
    """A purge without the secret."""
    method = chance.choice(("PURGE", "BAN", "PURGEKEYS", "purge", "DELETE", "PUT", "REFRESH"))
    return made(method, path, host, chance, chance.choice(FORGED))


def elsewhere(chance: random.Random, path: str, host: str) -> bytes:
    """For a site that is none of ours."""
    return made("GET", path, f"{junk(chance, 20)}.example", chance)


def smuggled(chance: random.Random, path: str, host: str) -> bytes:
    """Two messages in one."""
    return chance.choice(SMUGGLED).format(path, host).encode("latin-1")


#: By how often each is wished for.
WISHES: Mapping[Wish, int] = {
    page: 20,
    query: 30,
    many_parameters: 10,
    nowhere: 15,
    spelt: 8,
    forged: 8,
    purge: 4,
    elsewhere: 3,
    smuggled: 2,
}


def wish(chance: random.Random, paths: Sequence[str], host: str) -> bytes:
    """The next request."""
    made_by = chance.choices(list(WISHES), list(WISHES.values()))[0]
    return made_by(chance, chance.choice(paths), host)
