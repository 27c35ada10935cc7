"""The values of the program's own field, against git and ssh where those read the same texts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import OSC_FR1, git
from hypothesis import example, given, settings
from hypothesis import strategies as st

from git_scalingo_region.errors import ExitStatus, InvalidInput
from git_scalingo_region.model import (
    Region,
    RegionList,
    RemoteUrl,
    SshEndpoint,
    check_app_name,
    check_region_name,
    check_remote_name,
    parse_regions,
)

labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
top_labels = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
dns_names = st.builds(lambda first, last: ".".join([*first, last]), st.lists(labels, max_size=3), top_labels)
ipv6_hosts = st.ip_addresses(v=6).map(lambda address: SshEndpoint.parse(f"[{address}]").host)
hosts = dns_names | st.ip_addresses(v=4).map(str) | ipv6_hosts
endpoints = st.builds(SshEndpoint, hosts, st.integers(1, 65535))
apps = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)*", fullmatch=True).filter(lambda name: len(name) <= 48)
plain_texts = st.text(max_size=200).filter(str.isprintable)
users = st.sampled_from(["git", "", "deploy", "a.b-c_d"])
urls = st.builds(RemoteUrl, endpoints, apps, users, st.sampled_from([".git", ""]))
# What could be taken for a url: its parts and its punctuation, in any order.
url_like = st.lists(
    st.sampled_from(["ssh://", "git+ssh://", "git@", "host", "h.example", "[", "]", "::1", ":", "22", "/", "~", "app"])
    | st.sampled_from(
        ["@", ".git", "-", "1.2.3.4", "0x7f", "//", "https://", "ext::", "%61", "?", "#", " ", "A", "\u212a"]
    ),
    max_size=9,
).map("".join)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an empty repository, for questions to git that need one."""
    path = tmp_path_factory.mktemp("bare")
    environment = {"PATH": os.environ["PATH"], "HOME": str(path), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "--quiet", "--bare", "."], cwd=path, env=environment, check=True)
    return path


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "0", "myapp", "my-app-2", "a" * 48])
def test_app_names_are_taken_as_they_are(name: str) -> None:
    """What the platform calls an app's name is one, short names of older apps among them."""
    assert check_app_name(name) == name


@pytest.mark.parametrize(
    ("text", "shown", "hints"),
    [
        ("", "an empty text", ()),
        ("-x", "'-x'", ()),
        ("x-", "'x-'", ()),
        ("a--b", "'a--b'", ()),
        ("a b", "'a b'", ()),
        ("a/b", "'a/b'", ()),
        ("myapp\n", "'myapp\n'", ()),
        ("été", "'été'", ()),
        ("\u0661", "'\u0661'", ()),
        ("a" * 49, f"'{'a' * 49}'", ()),
        ("a" * 300, f"'{'a' * 200}...'", ()),
        ("A" * 49, f"'{'A' * 49}'", ()),
        ("MyApp", "'MyApp'", ("did you mean myapp?",)),
        ("my_app", "'my_app'", ("did you mean my-app?",)),
        ("myapp.git", "'myapp.git'", ("did you mean myapp?",)),
        (OSC_FR1, f"'{OSC_FR1}'", ("did you mean myapp?",)),
        (
            "git@ssh.osc-fr1.scalingo.com:myapp.git",
            "'git@ssh.osc-fr1.scalingo.com:myapp.git'",
            ("did you mean myapp?",),
        ),
    ],
)
def test_other_app_names_are_refused(text: str, shown: str, hints: tuple[str, ...]) -> None:
    """A text that is no app's name is refused in one sentence that says what one looks like, and what was meant."""
    with pytest.raises(InvalidInput) as caught:
        check_app_name(text)
    assert caught.value.message == (
        f"{shown} is not an app name: lower-case letters, digits and single hyphens, not at either end, "
        "48 characters at most"
    )
    assert caught.value.hints == hints
    assert caught.value.exit_status == ExitStatus.USAGE


@pytest.mark.parametrize("name", ["osc-fr1", "osc_secnum.fr1", "r" * 63])
def test_region_names_are_plain_words(name: str) -> None:
    """A plain word can name a region, known or not."""
    assert check_region_name(name) == name


@pytest.mark.parametrize("text", ["", "-x", "a b", "a/b", "OSC-FR1", "a..b", "a\n", "osc-fr1;x", "$(x)", "r" * 64])
def test_other_region_names_are_refused(text: str) -> None:
    """A text that is no plain word is refused as a region's name, with the command that lists them."""
    with pytest.raises(InvalidInput, match="is not a region name: it looks like osc-fr1") as caught:
        check_region_name(text)
    assert caught.value.hints == ("git scalingo-region list",)


def is_remote_name(text: str) -> bool:
    try:
        return check_remote_name(text) == text
    except InvalidInput:
        return False


def admitted_by_git(names: list[str], repository: Path) -> set[str]:
    """Ask one git process which of `refs/remotes/NAME/x` are refs; it reads a line from its last blank on."""
    lines = "".join(f"refs/remotes/{name}/x\n" for name in names).encode("utf-8", "surrogateescape")
    command = ["git", "show-ref", "--exclude-existing"]
    done = subprocess.run(command, cwd=repository, input=lines, check=True, capture_output=True)
    answer = done.stdout.decode("utf-8", "surrogateescape").split("\n")
    return {line.removeprefix("refs/remotes/").removesuffix("/x") for line in answer if line}


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.text(alphabet="aé./@{}-^~:?*[\\\x7f\x01'\"$\udc80", max_size=6)
        | st.lists(st.sampled_from(["a", ".lock", ".", "..", "@", "@{", "/", "//", "-", "HEAD"]), max_size=5).map(
            "".join
        ),
        min_size=100,
        max_size=200,
    )
)
@example([f"a{chr(code)}b" for code in range(33, 256)])
@example(
    ["", "/", ".", "a.", "a./b", ".a", "a/.b", "a.lock", "a.lock/b", "a.lockb", "@", "a@", "@{", "a//b", "/a", "a/"]
)
def test_remote_names_are_those_that_git_admits(bare: Path, names: list[str]) -> None:
    """A remote's name is accepted if and only if git can keep its branches under it, and it looks like no option."""
    admitted = admitted_by_git(names, bare)
    for name in names:
        assert is_remote_name(name) == (name in admitted and name != "" and not name.startswith("-")), repr(name)


@pytest.mark.parametrize("blank", [" ", "\t", "\n", "\r", "\0"])
def test_remote_names_have_no_blanks(blank: str) -> None:
    """Blanks, which the question to git above cannot hold, are refused as git refuses them."""
    name = f"a{blank}b"
    if blank != "\0":
        assert subprocess.run(["git", "check-ref-format", f"refs/remotes/{name}/x"], check=False).returncode == 1
    assert not is_remote_name(name)


def test_a_remote_name_is_refused_in_one_sentence() -> None:
    """The error says what a remote's name looks like."""
    with pytest.raises(InvalidInput) as caught:
        check_remote_name("a b")
    assert caught.value.message == (
        "'a b' is not a remote name: letters, digits, hyphens, dots and slashes, as in scalingo or team/staging"
    )


# --- endpoints -------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(endpoints)
def test_an_endpoint_is_read_as_it_is_written(endpoint: SshEndpoint) -> None:
    """Writing and reading an endpoint gives the same endpoint, in upper case as well."""
    assert SshEndpoint.parse(str(endpoint)) == endpoint
    assert SshEndpoint.parse(str(endpoint).upper()) == endpoint


@pytest.mark.parametrize(
    ("text", "host", "port", "known_hosts_name"),
    [
        ("ssh.osc-fr1.scalingo.com", "ssh.osc-fr1.scalingo.com", 22, "ssh.osc-fr1.scalingo.com"),
        ("SSH.osc-fr1.Scalingo.com:2200", "ssh.osc-fr1.scalingo.com", 2200, "[ssh.osc-fr1.scalingo.com]:2200"),
        ("localhost:00022", "localhost", 22, "localhost"),
        ("192.0.2.1:65535", "192.0.2.1", 65535, "[192.0.2.1]:65535"),
        ("[2001:DB8::0:1]", "2001:db8::1", 22, "2001:db8::1"),
        ("[::1]:2222", "::1", 2222, "[::1]:2222"),
        ("[::FFFF:1.2.3.4]", "::ffff:1.2.3.4", 22, "::ffff:1.2.3.4"),
    ],
)
def test_spellings_of_an_endpoint(text: str, host: str, port: int, known_hosts_name: str) -> None:
    """An endpoint may be written with and without port, in any case, and with an IPv6 address in any form."""
    endpoint = SshEndpoint.parse(text)
    assert (endpoint.host, endpoint.port, endpoint.known_hosts_name) == (host, port, known_hosts_name)


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", ":22", "h:", "h:0", "h:65536", "h:-1", "h:+1", "h: 22", "h:22 ", "h:2_2", "h:\u0662", "h:22:22"),
        *("-oProxyCommand=x", "-h:22", "a_b", "a..b", ".a", "a.", "a-.b", "a b", "a\n", "h:22\n", "h/x", "u@h", "é.fr"),
        *("1.2.3", "127.1", "1.2.3.256", "01.2.3.4", "1.2.3.4.5", "0x7f000001", "1.0x2", "2130706433", "\u212a.com"),
        *("::1", "[::1", "[::1]22", "[::1]:", "[h]", "[1.2.3.4]", "[fe80::1%eth0]", "[::1\0]", "[]", "[\u0661::]"),
        *("a" * 64, ".".join(["a" * 63] * 4), "ssh://h", "h;x", "$(x)", "`x`", "h\0"),
    ],
)
def test_other_endpoints_are_refused(text: str) -> None:
    """What is not a plain host with a port from 1 to 65535 is no endpoint."""
    with pytest.raises(InvalidInput, match=r"is not an ssh endpoint: it looks like ssh\.osc-fr1\.scalingo\.com:22"):
        SshEndpoint.parse(text)


# --- remote urls -----------------------------------------------------------------------------------------------------


def spellings(url: RemoteUrl) -> list[str]:
    """Return the ways in which git lets one write the url."""
    host, port = url.endpoint.host, url.endpoint.port
    at = f"{url.user}@" if url.user else ""
    path = f"{url.app}{url.suffix}"
    place = url.endpoint.bracketed_host
    found = [f"{scheme}://{at}{place}:{port}{tilde}/{path}" for scheme in ("ssh", "git+ssh") for tilde in ("", "/~")]
    if port == 22:
        found += [f"ssh://{at}{place}/{path}", f"{at}{place}:{path}", f"{at}{place}:/{path}", f"[{at}{host}]:{path}"]
    if ":" not in host:
        found += [f"[{at}{host}:{port}]:{path}", f"{at}[{host}:{port}]:/{path}"]
    return found


@settings(deadline=None)
@given(urls)
def test_a_remote_url_is_read_in_every_spelling(url: RemoteUrl) -> None:
    """All of git's spellings of one place are the same value, and so is the text that it writes."""
    assert {RemoteUrl.parse(text) for text in [str(url), *spellings(url)]} == {url}


def test_the_remote_url_of_an_app() -> None:
    """A region's url of an app is always the long form, with port and .git; one without .git is not the same."""
    url = Region("osc-fr1", "", SshEndpoint("ssh.osc-fr1.scalingo.com")).remote_url("myapp")
    assert str(url) == OSC_FR1
    assert RemoteUrl.parse(OSC_FR1.removesuffix(".git")) != url
    assert RemoteUrl.parse(OSC_FR1.replace("git@", "me@")) != url


@pytest.mark.parametrize(
    "text",
    [
        *("", "app", "/app.git", "./h:app", "https://h/app.git", "git://h/app.git", "file:///app.git", "ext::sh -c x"),
        *("SSH://h/app", "ssh:/h/app", "ssh://h", "ssh://h/", "ssh://h//app", "ssh://h/a/b", "ssh://h/app.git/"),
        *("ssh://h/app.git.git", "ssh://h/App", "ssh://h/my%61pp", "ssh://h/app?x", "ssh://h/app#x", "ssh://h/app\n"),
        *("ssh://-oProxyCommand=x/app", "ssh://git@-h/app", "-h:app", "ssh://-u@h/app", "-u@h:app", "ssh://u:p@h/app"),
        *(
            "a@b@h:app",
            "ssh://a@b@h/app",
            "h:22/app",
            "git@[::1]:22:app",
            "[git@[::1]:22]:app",
            "[git@[h]:app",
            "::1:a",
        ),
        *("ssh://[h:22]/app", "[h:22]app", "[h:0]:app", "h:" + "a" * 49, "h: app", "h :app", "ssh://h/app .git"),
    ],
)
def test_other_urls_are_no_app(text: str) -> None:
    """Another scheme, another path, or what git or ssh could take for an option is no url of an app."""
    assert RemoteUrl.try_parse(text) is None


@settings(max_examples=60, deadline=None)
@given(urls.flatmap(lambda url: st.sampled_from(spellings(url))) | url_like.filter(RemoteUrl.try_parse))
def test_git_reads_a_remote_url_as_we_do(bare: Path, text: str) -> None:
    """Whatever is accepted as an app's url, git reads as ssh to the same user, host and port, and the same path."""
    url = RemoteUrl.parse(text)
    answer = git("fetch-pack", "--diag-url", text, cwd=bare).splitlines()[1:]
    said = dict(line.removeprefix("Diag: ").split("=", 1) for line in answer)
    user, _, host = said["userandhost"].rpartition("@")
    endpoint = SshEndpoint.parse(f"[{host}]" if ":" in host else host)
    port = 22 if said["port"] == "NONE" else int(said["port"])
    path = said["path"].removeprefix("/").removeprefix("~/")
    assert said["protocol"] == "ssh"
    assert RemoteUrl(SshEndpoint(endpoint.host, port), path.removesuffix(".git"), user, path[len(url.app) :]) == url


@pytest.mark.skipif(shutil.which("ssh") is None, reason="ssh is not installed")
@settings(max_examples=25, deadline=None)
@given(endpoints)
def test_ssh_reads_an_endpoint_as_we_do(endpoint: SshEndpoint) -> None:
    """The ssh program goes to exactly the host and the port that were parsed, as the user git."""
    command = ["ssh", "-F", "none", "-G", "-p", str(endpoint.port), f"git@{endpoint.host}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    said = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
    assert (said["user"], said["hostname"], said["port"]) == ("git", endpoint.host, str(endpoint.port))


# --- regions ---------------------------------------------------------------------------------------------------------

REGION = {
    "name": "osc-fr1",
    "display_name": "Paris - Outscale",
    "api": "https://api.osc-fr1.scalingo.com",
    "dashboard": "https://my.osc-fr1.scalingo.com",
    "database_api": "https://db-api.osc-fr1.scalingo.com",
    "ssh": "ssh.osc-fr1.scalingo.com:22",
    "default": True,
}


def test_a_region_has_the_shape_of_the_api() -> None:
    """A region is read from, and written to, the API's own shape, field for field in the API's order."""
    region = Region.from_json(REGION)
    assert list(region.to_json().items()) == list(REGION.items())
    assert str(region) == "osc-fr1 (Paris - Outscale)"


@settings(max_examples=30, deadline=None)
@given(
    st.builds(
        Region,
        name=st.from_regex(r"[a-z0-9]+([._-][a-z0-9]+)*", fullmatch=True).filter(lambda name: len(name) < 64),
        display_name=plain_texts,
        ssh=endpoints,
        api=plain_texts,
        dashboard=plain_texts,
        database_api=plain_texts,
        default=st.booleans(),
    )
)
def test_a_region_is_read_as_it_is_written(region: Region) -> None:
    """Writing and reading any region gives the same region."""
    assert Region.from_json(region.to_json()) == region


def test_a_region_needs_a_name_and_an_endpoint_alone() -> None:
    """What the API may leave out counts as empty, as not default, and as port 22."""
    region = Region.from_json({"name": "r1", "ssh": "h.example", "api": None, "future_field": [1]})
    assert region == Region("r1", "", SshEndpoint("h.example", 22))
    assert str(region) == "r1"


@pytest.mark.parametrize(
    "change",
    [
        *(
            {"name": None},
            {"name": 1},
            {"name": "-x"},
            {"name": "a b"},
            {"name": "a\x1b[0m"},
            {"ssh": None},
            {"ssh": ["h"]},
        ),
        *({"ssh": "-oProxyCommand=x"}, {"ssh": "h:0"}, {"ssh": "ssh://h"}, {"default": None}, {"default": 1}),
        *({"default": "true"}, {"display_name": 1}, {"display_name": "\x1b[2J"}, {"display_name": "\u202e"}),
        *({"api": ["x"]}, {"dashboard": "x\n"}, {"database_api": "x" * 201}),
    ],
)
def test_a_region_that_breaks_the_shape_is_refused(change: dict[str, object]) -> None:
    """A region with a field of a wrong type, or with anything but plain text, is refused."""
    with pytest.raises(InvalidInput):
        Region.from_json({**REGION, **change})


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "it holds no list of regions"),
        ([REGION], "it holds no list of regions"),
        ({}, "it holds no list of regions"),
        ({"regions": []}, "it holds no list of regions"),
        ({"regions": {}}, "it holds no list of regions"),
        ({"regions": [None]}, "a region is not an object"),
        ({"regions": [{}]}, "a region has no name or no ssh endpoint"),
        ({"regions": [REGION, {**REGION, "default": False}]}, "a region is named twice"),
        ({"regions": [REGION, {**REGION, "name": "r2"}]}, "two regions are marked default"),
    ],
)
def test_a_list_that_breaks_the_shape_is_refused(value: object, reason: str) -> None:
    """No regions, a name given twice, or two defaults make a list unusable, and the error says which."""
    with pytest.raises(InvalidInput) as caught:
        parse_regions(value)
    assert caught.value.message == reason


def test_a_list_finds_its_regions() -> None:
    """A list of regions knows its names in order, its default, and each region by name."""
    first, second = (
        Region("r2", "", SshEndpoint("h2.example")),
        Region("r1", "", SshEndpoint("h1.example"), default=True),
    )
    regions = RegionList((first, second), "api", 0.0, anonymous=True)
    assert (regions.names, regions.default, regions.find("r2"), regions.find("r3")) == (
        ("r2", "r1"),
        second,
        first,
        None,
    )
    assert RegionList((first,), "api", 0.0, anonymous=True).default is None
