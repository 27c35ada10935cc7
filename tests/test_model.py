"""Names, ssh endpoints, remote urls and regions: what is accepted, and that git and ssh read it in the same way."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import OSC_FR1, git, region_json
from hypothesis import example, given, settings
from hypothesis import strategies as st

from git_scalingo_region import model
from git_scalingo_region.errors import ExitStatus, InvalidInput
from git_scalingo_region.model import Platform, Region, RemoteUrl, SshEndpoint, parse_regions

dns_names = st.from_regex(r"([a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?\.){0,3}[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
ipv6_hosts = st.ip_addresses(v=6).map(lambda address: SshEndpoint.parse(f"[{address}]").host)
hosts = dns_names | st.ip_addresses(v=4).map(str) | ipv6_hosts
endpoints = st.builds(SshEndpoint, hosts, st.integers(1, 65535))
apps = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)*", fullmatch=True).filter(lambda name: len(name) <= 48)
users = st.sampled_from(["git", "", "deploy", "a.b-c_d"])
urls = st.builds(RemoteUrl, endpoints, apps, users, st.sampled_from([".git", ""]))
# Texts that look like a url: the parts and the punctuation of one, in any order.
WORDS = "ssh:// git+ssh:// https:// ext:: // host h.example ::1 1.2.3.4 0x7f \u212a app .git %61 A 22 git@"
url_like = st.lists(st.sampled_from([*WORDS.split(), *"[]:/~@-?# "]), max_size=9).map("".join)


def refusal(check: Callable[[Any], object], text: object) -> tuple[str, tuple[str, ...]]:
    """Return the message and the hints of the error that refuses a text."""
    with pytest.raises(InvalidInput) as caught:
        check(text)
    assert caught.value.exit_status == ExitStatus.USAGE
    return caught.value.message, tuple(caught.value.hints)


NO_APPS = {
    (): ["-x", "x-", "a--b", "a b", "a/b", "myapp\n", "été", "\u0661", "a" * 49, "A" * 49, OSC_FR1 + "/x", ".git"],
    ("did you mean myapp?",): ["MyApp", "myapp.git", OSC_FR1],
    ("did you mean my-app?",): ["my_app", "git@h:my-app"],
}


def test_names_of_apps() -> None:
    """A valid app name is accepted; the error for any other text describes one, and may suggest the one meant."""
    for name in ("a", "0", "myapp", "my-app-2", "a" * 48):
        assert model.check_app_name(name) == name
    rule = "use lower-case letters, digits and single hyphens inside the name, at most 48 characters"
    for hints, texts in NO_APPS.items():
        for text in texts:
            assert refusal(model.check_app_name, text) == (f"'{text}' is not a valid app name: {rule}", hints)
    assert refusal(model.check_app_name, "a" * 300)[0] == f"'{'a' * 200}...' is not a valid app name: {rule}"
    assert refusal(model.check_app_name, "") == ("the app name is empty", ())


def test_names_of_regions() -> None:
    """A plain word is accepted as a region name; any other text is refused, with the command that lists the regions."""
    for name in ("osc-fr1", "osc_secnum.fr1", "r" * 63):
        assert model.check_region_name(name) == name
    hints = ("git scalingo-region list",)
    assert refusal(model.check_region_name, "") == ("the region name is empty", hints)
    for text in ("-x", "a b", "a/b", "OSC-FR1", "a..b", "a\n", "osc-fr1;x", "$(x)", "r" * 64):
        message = f"'{text}' is not a valid region name: expected one like osc-fr1"
        assert refusal(model.check_region_name, text) == (message, hints)


def admitted_by_git(names: list[str], repository: Path) -> set[str]:
    """Return the names for which `refs/remotes/NAME/x` is a valid ref; git reads a line only from its last blank on."""
    lines = "".join(f"refs/remotes/{name}/x\n" for name in names).encode("utf-8", "surrogateescape")
    command = ["git", "show-ref", "--exclude-existing"]
    done = subprocess.run(command, cwd=repository, input=lines, check=True, capture_output=True)
    answer = done.stdout.decode("utf-8", "surrogateescape").split("\n")
    return {line.removeprefix("refs/remotes/").removesuffix("/x") for line in answer if line}


names = st.text(alphabet="aé./@{}-^~:?*[\\\x7f\x01'\"$\udc80", max_size=6) | st.lists(
    st.sampled_from(["a", ".lock", ".", "..", "@", "@{", "/", "//", "-", "HEAD"]), max_size=5
).map("".join)


@settings(max_examples=15)
@given(st.lists(names, min_size=100, max_size=200))
@example([f"a{chr(code)}b" for code in range(256)])
@example(
    ["", *["/", ".", "a.", "a./b", ".a", "a/.b", "a.lock", "a.lock/b", "a.lockb", "@", "a@", "@{", "a//b", "/a", "a/"]]
)
def test_remote_names_are_those_that_git_admits(bare: Path, names: list[str]) -> None:
    """A remote name is accepted if and only if git can keep branches under it and it does not look like an option."""
    admitted = admitted_by_git(names, bare)
    rule = "use letters, digits, hyphens, dots and slashes, as in scalingo or team/staging"
    for name in names:
        # git check-ref-format(1) admits no blanks, and the question to git cannot contain them.
        if name in admitted and name and not name.startswith("-") and not set(" \t\n\v\f\r\0") & set(name):
            assert model.check_remote_name(name) == name
        else:
            message = f"'{name}' is not a valid remote name: {rule}" if name else "the remote name is empty"
            assert refusal(model.check_remote_name, name) == (message, ())


@pytest.mark.parametrize(
    ("text", "written", "known_hosts_name"),
    [
        ("ssh.osc-fr1.scalingo.com", "ssh.osc-fr1.scalingo.com:22", "ssh.osc-fr1.scalingo.com"),
        ("SSH.osc-fr1.Scalingo.com:2200", "ssh.osc-fr1.scalingo.com:2200", "[ssh.osc-fr1.scalingo.com]:2200"),
        ("localhost:00022", "localhost:22", "localhost"),
        ("192.0.2.1:65535", "192.0.2.1:65535", "[192.0.2.1]:65535"),
        ("[2001:DB8::0:1]", "[2001:db8::1]:22", "2001:db8::1"),
        ("[::1]:2222", "[::1]:2222", "[::1]:2222"),
        ("[::FFFF:1.2.3.4]", "[::ffff:1.2.3.4]:22", "::ffff:1.2.3.4"),
    ],
)
def test_spellings_of_an_endpoint(text: str, written: str, known_hosts_name: str) -> None:
    """An ssh endpoint may be written with or without a port, in any case, and with an IPv6 address in any form."""
    endpoint = SshEndpoint.parse(text)
    assert (str(endpoint), endpoint.known_hosts_name) == (written, known_hosts_name)


NO_ENDPOINTS = [
    *("", ":", ":22", "h:", "h:0", "h:65536", "h:-1", "h:+1", "h: 22", "h:22 ", "h:2_2", "h:\u0662", "h:22:22"),
    *("-oProxyCommand=x", "-h:22", "a_b", "a..b", ".a", "a.", "a-.b", "a b", "a\n", "h:22\n", "h/x", "u@h", "é.fr"),
    *("1.2.3", "127.1", "1.2.3.256", "01.2.3.4", "1.2.3.4.5", "0x7f000001", "1.0x2", "2130706433", "\u212a.com"),
    *("::1", "[::1", "[::1]22", "[::1]:", "[h]", "[1.2.3.4]", "[fe80::1%eth0]", "[::1\0]", "[]", "[\u0661::]"),
    *("a" * 64, ".".join(["a" * 63] * 4), "ssh://h", "h;x", "$(x)", "`x`", "h\0"),
]


def test_other_endpoints_are_refused() -> None:
    """A text is refused as an ssh endpoint unless it is a plain host, with or without a port from 1 to 65535."""
    for text in NO_ENDPOINTS:
        message, _ = refusal(SshEndpoint.parse, text)
        assert message.endswith("is not an ssh endpoint: expected one like ssh.osc-fr1.scalingo.com"), text


def spellings(url: RemoteUrl) -> list[str]:
    """Return the spellings of the url that git accepts."""
    host, port = url.endpoint.host, url.endpoint.port
    at = f"{url.user}@" if url.user else ""
    path = f"{url.app}{url.suffix}"
    place = url.endpoint.bracketed_host
    found = [f"{scheme}://{at}{place}:{port}{tilde}/{path}" for scheme in ("ssh", "git+ssh") for tilde in ("", "/~")]
    if port == 22:
        found += [f"ssh://{at}{place}/{path}", f"{at}{place}:{path}", f"{at}{place}:/{path}", f"[{at}{host}]:{path}"]
    found.append(f"{found[0]}/")
    if ":" not in host:
        found += [f"[{at}{host}:{port}]:{path}", f"{at}[{host}:{port}]:/{path}"]
    return found


@pytest.mark.slow
@given(urls)
def test_a_remote_url_is_read_in_every_spelling(url: RemoteUrl) -> None:
    """All spellings that git accepts for one remote url, and the one that the program writes, are read as one value."""
    assert {RemoteUrl.parse(text) for text in [str(url), *spellings(url)]} == {url}
    assert SshEndpoint.parse(str(url.endpoint).upper()) == SshEndpoint.parse(str(url.endpoint)) == url.endpoint


NO_URLS = [
    *("", "app", "/app.git", "./h:app", "https://h/app.git", "git://h/app.git", "file:///app.git", "ext::sh -c x"),
    *("SSH://h/app", "ssh:/h/app", "ssh://h", "ssh://h/", "ssh://h//app", "ssh://h/a/b", "ssh://h/app.git//"),
    *("ssh://h/app.git.git", "ssh://h/App", "ssh://h/my%61pp", "ssh://h/app?x", "ssh://h/app#x", "ssh://h/app\n"),
    *("ssh://-oProxyCommand=x/app", "ssh://git@-h/app", "-h:app", "ssh://-u@h/app", "-u@h:app", "ssh://u:p@h/app"),
    *("a@b@h:app", "ssh://a@b@h/app", "h:22/app", "git@[::1]:22:app", "[git@[::1]:22]:app", "[git@[h]:app", "::1:a"),
    *("ssh://[h:22]/app", "[h:22]app", "[h:0]:app", "h:" + "a" * 49, "h: app", "h :app", "ssh://h/app .git"),
]


def test_other_urls_are_no_app() -> None:
    """A url with another scheme or path, or that git or ssh could take for an option, is not an app's url."""
    assert [text for text in NO_URLS if RemoteUrl.try_parse(text)] == []


@pytest.mark.slow
@settings(max_examples=60)
@given(urls.flatmap(lambda url: st.sampled_from(spellings(url))) | url_like.filter(RemoteUrl.try_parse))
def test_git_reads_a_remote_url_as_we_do(bare: Path, text: str) -> None:
    """Every url that is accepted as an app's url is read by git as ssh to the same user, host, port and path."""
    url = RemoteUrl.parse(text)
    answer = git("fetch-pack", "--diag-url", text, cwd=bare).splitlines()[1:]
    said = dict(line.removeprefix("Diag: ").split("=", 1) for line in answer)
    user, _, host = said["userandhost"].rpartition("@")
    endpoint = SshEndpoint.parse(f"[{host}]" if ":" in host else host)
    port = 22 if said["port"] == "NONE" else int(said["port"])
    path = said["path"].removeprefix("/").removeprefix("~/").removesuffix("/")
    assert said["protocol"] == "ssh"
    assert RemoteUrl(SshEndpoint(endpoint.host, port), path.removesuffix(".git"), user, path[len(url.app) :]) == url


@pytest.mark.skipif(shutil.which("ssh") is None, reason="ssh is not installed")
@settings(max_examples=25)
@given(endpoints)
def test_ssh_reads_an_endpoint_as_we_do(endpoint: SshEndpoint) -> None:
    """The ssh program reads an endpoint as exactly the host and port that were parsed, with the user git."""
    command = ["ssh", "-F", "none", "-G", "-p", str(endpoint.port), f"git@{endpoint.host}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    said = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
    assert (said["user"], said["hostname"], said["port"]) == ("git", endpoint.host, str(endpoint.port))


REGION = {**region_json("osc-fr1", default=True), "display_name": "Paris - Outscale"}


def test_a_region_has_the_form_of_the_api() -> None:
    """A region is read and written in the form of the API, and needs only a name and an ssh endpoint."""
    assert list(Region.from_json(REGION).to_json().items()) == list(REGION.items())
    short = Region.from_json({"name": "r1", "ssh": "h.example", "api": None, "future_field": [1]})
    assert (short, str(short)) == (Region("r1", "", SshEndpoint("h.example", 22)), "r1")


def listed(*regions: object) -> dict[str, object]:
    return {"regions": list(regions)}


def odd(field: str, *values: object) -> list[object]:
    """Return, for each value, a region list whose only region has that value in this field."""
    return [listed({**REGION, field: value}) for value in values]


# The end of the error message, and the lists that get it.
NO_LISTS: dict[str, list[object]] = {
    "it holds no list of regions": [None, [REGION], {}, {"regions": []}, {"regions": {}}],
    "it holds more than 256 regions": [listed(*({"name": f"r{n}", "ssh": "h"} for n in range(257)))],
    "a region is not an object": [listed(None)],
    "a region is named twice": [listed(REGION, {**REGION, "default": False})],
    "two regions are marked default": [listed(REGION, {**REGION, "name": "r2"})],
    "a region has no name or no ssh endpoint": [listed({}), *odd("name", None, 1), *odd("ssh", None, ["h"])],
    "is not a valid region name: expected one like osc-fr1": odd("name", "-x", "a b", "a\x1b[0m"),
    "one like ssh.osc-fr1.scalingo.com": odd("ssh", "-oProxyCommand=x", "h:0", "ssh://h"),
    "the default of a region is not true or false": odd("default", None, 1, "true"),
    "a field of a region is not a plain text": [
        *(*odd("display_name", 1, "\x1b[2J", "\u202e"), *odd("api", ["x"])),
        *(*odd("dashboard", "x\n"), *odd("database_api", "x" * 201)),
    ],
}


@pytest.mark.parametrize("reason", NO_LISTS)
def test_a_list_that_breaks_the_form_is_refused(reason: str) -> None:
    """A region list that is empty, too long, or has twins, two defaults or an odd field is refused, with the reason."""
    for value in NO_LISTS[reason]:
        assert refusal(parse_regions, value)[0].endswith(reason)


PLATFORM = Platform(
    [
        Region("osc-fr1", "", SshEndpoint("ssh.osc-fr1.scalingo.com")),
        Region("moved", "", SshEndpoint("new.example", 2222)),
        Region("twin", "", SshEndpoint("new.example", 22)),
        Region("late", "", SshEndpoint("new.example", 22)),
        Region("alone", "", SshEndpoint("one.example", 2222)),
    ],
    "scalingo.com",
    {"scalingo.com": "agora-fr1"},
)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        (OSC_FR1, "osc-fr1"),
        ("git@ssh.osc-fr1.scalingo.com:myapp.git", "osc-fr1"),
        ("ssh://me@ssh.osc-fr1.scalingo.com:2200/myapp", "osc-fr1"),
        ("git@SSH.osc-fr2.scalingo.com:myapp.git", "osc-fr2"),
        ("git@scalingo.com:myapp.git", "agora-fr1"),
        ("ssh://git@scalingo.com:2200/myapp.git", "agora-fr1"),
        ("git@ssh.scalingo.com:myapp.git", ""),
        ("git@scw-par.scalingo.com:myapp.git", ""),
        ("git@a.b.scalingo.com:myapp.git", ""),
        ("ssh://git@new.example:2222/myapp.git", "moved"),
        ("ssh://git@new.example/myapp.git", "twin"),
        ("ssh://git@new.example:1/myapp.git", ""),
        ("ssh://git@one.example:1/myapp.git", "alone"),
        ("git@notscalingo.com:myapp.git", None),
        ("git@ssh.osc-fr1.scalingo.com.evil.example:myapp.git", None),
        ("git@evil.example:myapp.git", None),
    ],
)
def test_a_host_tells_the_region(text: str, region: str | None) -> None:
    """The endpoint of a url, or else its host, tells its region; it is "" if unknown, and None if not Scalingo's."""
    url = RemoteUrl.parse(text)
    assert (PLATFORM.region_name(url) if PLATFORM.owns(url) else None) == region
