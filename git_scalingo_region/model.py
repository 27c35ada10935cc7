"""The values that the program works with: regions, ssh endpoints, remote urls, app names.

Parsing, formatting and equality only: no I/O, no environment. Every value is valid by construction: text from the
network, a file or the command line becomes one of these values, or it raises `InvalidInput`.

The JSON form of a region is that of the platform's API (`GET /v1/regions`); the cache uses it too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

from git_scalingo_region.errors import InvalidInput

DEFAULT_SSH_PORT = 22
SSH_USER = "git"
APP_NAME_MAX = 48
REGION_NAME_MAX = 63
DNS_NAME_MAX = 253
TEXT_MAX = 200
REGIONS_MAX = 256  # the program may ask them all at the same time

# The patterns are strings, which `re` compiles on first use: few runs use them all, and compiling takes time.
_APP = r"[a-z0-9]+(?:-[a-z0-9]+)*"
_REGION = r"[a-z0-9]+(?:[._-][a-z0-9]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# The last label of a name does not start with a digit: ssh reads 127.1 and 0x7f000001 as addresses.
_DNS_NAME = rf"(?:{_LABEL}\.)*(?![0-9]){_LABEL}"
_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_ENDPOINT = rf"(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>{_DNS_NAME}|{_IPV4}))(?::(?P<port>[0-9]{{1,5}}))?"
_USER = r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@)?"
_PATH = rf"(?:~/)?(?P<app>{_APP})(?P<suffix>(?:\.git)?)"
_URL = rf"(?:ssh|git\+ssh|ssh\+git)://{_USER}(?P<authority>[^/@]+)/{_PATH}"
# The scp-like form (gitglossary), and the variant in which git accepts a port or an IPv6 address in brackets.
_SCP = rf"{_USER}(?P<authority>[^\[\]/@:]+):/?{_PATH}"
_SCP_BRACKETS = rf"(?P<open>\[)?{_USER}(?(open)|\[)(?P<authority>[^\[\]/@]+)\]:/?{_PATH}"
# What git check-ref-format(1) forbids in a component, given that the name becomes refs/remotes/NAME/x.
_NOT_IN_REF = r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|(?:^|/)\.|\.lock(?:/|$)|^/|/$"


def is_app_name(text: str) -> bool:
    """Return whether the text can be the name of an app.

    New apps need six characters, but older apps have shorter names: there is no minimum here.
    """
    return len(text) <= APP_NAME_MAX and bool(re.fullmatch(_APP, text))


def is_region_name(text: str) -> bool:
    """Return whether the text can be the name of a region."""
    return len(text) <= REGION_NAME_MAX and bool(re.fullmatch(_REGION, text))


def check_app_name(text: str, source: str = "") -> str:
    """Return `text` if it can be the name of an app; otherwise raise `InvalidInput`, naming the `source`."""
    if is_app_name(text):
        return text
    rule = f"use lower-case letters, digits and single hyphens inside the name, at most {APP_NAME_MAX} characters"
    url = RemoteUrl.try_parse(text)
    name = url.app if url else text.removesuffix(".git").lower().replace("_", "-")
    hints = [f"did you mean {name}?"] if name != text and is_app_name(name) else []
    raise _invalid(text, "app name", rule, *hints, source=source)


def check_region_name(text: str, source: str = "") -> str:
    """Return `text` if it can be the name of a region; otherwise raise `InvalidInput`, naming the `source`."""
    if is_region_name(text):
        return text
    raise _invalid(text, "region name", "expected one like osc-fr1", "git scalingo-region list", source=source)


def check_remote_name(text: str) -> str:
    """Return `text` if git accepts it as the name of a remote; raise `InvalidInput` otherwise.

    git accepts a leading hyphen as well, but such a remote can never be pushed to by name.
    """
    if text and not text.startswith("-") and not re.search(_NOT_IN_REF, text):
        return text
    rule = "use letters, digits, hyphens, dots and slashes, as in scalingo or team/staging"
    raise _invalid(text, "remote name", rule)


def _short(text: str) -> str:
    return text if len(text) <= TEXT_MAX else text[:TEXT_MAX] + "..."


def _invalid(text: str, what: str, rule: str, *hints: str, source: str = "") -> InvalidInput:
    message = f"'{_short(text)}' is not a valid {what}: {rule}" if text else f"the {what} is empty"
    return InvalidInput(f"{source}: {message}" if source else message, *hints)


class SshEndpoint(NamedTuple):
    """A host and a port, as in the `ssh` field of a region: `HOST:PORT`, with port 22 if none is given."""

    host: str
    port: int = DEFAULT_SSH_PORT

    @classmethod
    def parse(cls, text: str) -> SshEndpoint:
        """Read `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`; raise `InvalidInput` for anything else."""
        if match := re.fullmatch(_ENDPOINT, text):
            host = _ipv6(match["ipv6"]) if match["ipv6"] else match["host"].lower()
            port = int(match["port"] or DEFAULT_SSH_PORT)
            if 0 < len(host) <= DNS_NAME_MAX and 1 <= port <= 65535:
                return cls(host, port)
        raise InvalidInput(f"'{_short(text)}' is not an ssh endpoint: expected one like ssh.osc-fr1.scalingo.com")

    @property
    def bracketed_host(self) -> str:
        """The host as it is written in a url: an IPv6 address in brackets (RFC 3986, section 3.2.2)."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def known_hosts_name(self) -> str:
        """The host as `known_hosts` names it: as it is for port 22, otherwise `[HOST]:PORT` (sshd(8))."""
        return self.host if self.port == DEFAULT_SSH_PORT else f"[{self.host}]:{self.port}"

    def __str__(self) -> str:
        return f"{self.bracketed_host}:{self.port}"


def _ipv6(text: str) -> str:
    """Return the canonical spelling of an IPv6 address, or "" if the text is not one."""
    import socket  # rarely needed, and slow to import

    try:
        return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, text))
    except (OSError, ValueError):
        return ""


class RemoteUrl(NamedTuple):
    """A git remote url over ssh that names one app: `ssh://git@HOST:PORT/APP.git`.

    Urls for the same place are equal, however they are written: `git@HOST:APP.git` is `ssh://git@HOST:22/APP.git`.
    A url without `.git` is a different value: the platform's own CLI does not recognise such a remote.
    """

    endpoint: SshEndpoint
    app: str
    user: str = SSH_USER
    suffix: str = ".git"

    @classmethod
    def parse(cls, text: str) -> RemoteUrl:
        """Read an ssh url or the scp-like form (gitglossary: `[USER@]HOST:PATH`); raise `InvalidInput` for others."""
        text = text.removesuffix("/")
        match = re.fullmatch(_URL, text) or re.fullmatch(_SCP, text) or re.fullmatch(_SCP_BRACKETS, text)
        if match is None or len(match["app"]) > APP_NAME_MAX:
            raise InvalidInput(f"'{_short(text)}' is not the url of an app")
        authority = match["authority"]
        # In the brackets of the scp-like form, one colon starts a port; with two or more it is an IPv6 address.
        if match.re.pattern == _SCP_BRACKETS and authority.count(":") > 1:
            authority = f"[{authority}]"
        return cls(SshEndpoint.parse(authority), match["app"], match["user"] or "", match["suffix"])

    @classmethod
    @lru_cache(maxsize=16)  # the urls of each remote in turn are parsed several times
    def try_parse(cls, text: str) -> RemoteUrl | None:
        """Read a url as `parse` does, but return None for any other text."""
        try:
            return cls.parse(text)
        except InvalidInput:
            return None

    def __str__(self) -> str:
        at = f"{self.user}@" if self.user else ""
        return f"ssh://{at}{self.endpoint}/{self.app}{self.suffix}"


class Region(NamedTuple):
    """A region of the platform, with the fields of the API. Only `ssh` is parsed; the others are shown as received."""

    name: str
    display_name: str
    ssh: SshEndpoint
    api: str = ""
    dashboard: str = ""
    database_api: str = ""
    default: bool = False

    @classmethod
    def from_json(cls, value: Any) -> Region:
        """Read one region of the API's answer; raise `InvalidInput` if it does not have the expected form."""
        if not isinstance(value, dict):
            raise InvalidInput("a region is not an object")
        name, ssh, default = value.get("name"), value.get("ssh"), value.get("default", False)
        if not isinstance(name, str) or not isinstance(ssh, str):
            raise InvalidInput("a region has no name or no ssh endpoint")
        if not isinstance(default, bool):
            raise InvalidInput("the default of a region is not true or false")
        fields = ("display_name", "api", "dashboard", "database_api")
        texts = {field: "" if value.get(field) is None else value[field] for field in fields}
        for text in texts.values():
            if not isinstance(text, str) or len(text) > TEXT_MAX or not text.isprintable():
                raise InvalidInput("a field of a region is not a plain text")
        return cls(name=check_region_name(name), ssh=SshEndpoint.parse(ssh), default=default, **texts)

    def to_json(self) -> dict[str, Any]:
        """Return the region in the API's form, with the fields in the API's order."""
        return {field: str(self.ssh) if field == "ssh" else getattr(self, field) for field in REGION_FIELDS}

    def remote_url(self, app: str) -> RemoteUrl:
        """Return the url that `git push` needs for an app of this region."""
        return RemoteUrl(self.ssh, check_app_name(app))

    def __str__(self) -> str:
        return f"{self.name} ({self.display_name})" if self.display_name else self.name


REGION_FIELDS = ("name", "display_name", "api", "dashboard", "database_api", "ssh", "default")


def dig(value: Any, *keys: str) -> Any:
    """Return the value that nested JSON objects hold under these keys; None if there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def parse_regions(value: Any) -> tuple[Region, ...]:
    """Read `{"regions": [...]}`; raise `InvalidInput` for no or too many regions, a repeated name, or two defaults."""
    items = dig(value, "regions")
    if not isinstance(items, list) or not items:
        raise InvalidInput("it holds no list of regions")
    if len(items) > REGIONS_MAX:
        raise InvalidInput(f"it holds more than {REGIONS_MAX} regions")
    regions = tuple(Region.from_json(item) for item in items)
    if len({region.name for region in regions}) < len(regions):
        raise InvalidInput("a region is named twice")
    if sum(region.default for region in regions) > 1:
        raise InvalidInput("two regions are marked default")
    return regions


class ListSource(str, Enum):
    """Where a list of regions came from: the values of `list_source` in the JSON."""

    API = "api"
    CACHE = "cache"
    STALE_CACHE = "stale-cache"
    BUILT_IN = "embedded"


class Outcome(str, Enum):
    """What happened to a remote, or to the entries of a host in `known_hosts`."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


class RegionList(NamedTuple):
    """A list of regions, its source, and when it was fetched (seconds since 1970; None for the built-in table)."""

    regions: tuple[Region, ...]
    source: ListSource
    fetched_at: float | None

    def find(self, name: str) -> Region | None:
        """Return the region of that name; None if there is none."""
        return next((region for region in self.regions if region.name == name), None)

    @property
    def default(self) -> Region | None:
        """The region that the platform marks `default`; None if there is none."""
        return next((region for region in self.regions if region.default), None)

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the platform's order."""
        return tuple(region.name for region in self.regions)

    def source_json(self) -> dict[str, str | None]:
        """Return where the list came from, and when it was fetched (UTC), as in the JSON of a command."""
        from datetime import datetime, timezone

        at = self.fetched_at
        stamp = datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else None
        return {"list_source": self.source.value, "fetched_at": stamp}


class Platform(NamedTuple):
    """What tells which region a remote url belongs to, by its ssh endpoint first, then by its host.

    If two regions have the same endpoint, the first counts. `former_hosts` maps the hosts of gone regions to names.
    """

    regions: Sequence[Region]
    domain: str
    former_hosts: Mapping[str, str]

    def owns(self, url: RemoteUrl) -> bool:
        """Return whether the url points at the platform, in any region."""
        host = url.endpoint.host
        return f".{host}".endswith(f".{self.domain}") or any(region.ssh.host == host for region in self.regions)

    def region_name(self, url: RemoteUrl) -> str:
        """Return the name of the region that the url points at, which may be gone; "" if the url does not tell.

        The url does not tell if its host serves several regions on other ports, or never served any.
        """
        host = url.endpoint.host
        if exact := [region.name for region in self.regions if region.ssh == url.endpoint]:
            return exact[0]
        if names := {region.name for region in self.regions if region.ssh.host == host}:
            return names.pop() if len(names) == 1 else ""
        name = host.removesuffix(f".{self.domain}").removeprefix("ssh.")
        return self.former_hosts.get(host) or (name if host == f"ssh.{name}.{self.domain}" else "")
