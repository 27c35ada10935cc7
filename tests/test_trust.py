"""`trust` against a real ssh server: which host keys it trusts, which it refuses, and what it writes."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import OFFLINE, Repo, Result, Run, Service, refusal, region_json
from ssh_server import Endpoint, make_key, public_key, serving

from git_scalingo_region.ssh.client import HostKey

PUBLISHED = "Scalingo's documentation of 2026-01-02"
NOBODY = "SHA256:" + "A" * 43


@pytest.fixture
def trust(endpoint: Endpoint, run: Run) -> Run:
    """Return a function that runs `trust`; the server is the endpoint of osc-fr1, the default region."""
    return partial(run, "trust")


@pytest.fixture
def given(endpoint: Endpoint, trust: Run) -> Run:
    """Return a function that runs `trust` with the fingerprint of the server's ed25519 key."""
    return partial(trust, "--fingerprint", endpoint.key().fingerprint)


@pytest.fixture
def second(
    tmp_path: Path, endpoint: Endpoint, client_key: Path, make_host_key: Callable[[str], Path], service: Service
) -> Iterator[Endpoint]:
    """Run the server of a second region, scw-par, with an ecdsa key."""
    with serving(tmp_path / "more", {"ecdsa": make_host_key("ecdsa")}, client_key) as running:
        service.regions.append(region_json("scw-par", running.ssh))
        yield running


def write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(text)


def error(result: Result) -> tuple[int, str, list[str]]:
    """Return the status, the error and the hints of a refusal, without their labels."""
    assert result.stdout == ""
    first, *hints = result.stderr.splitlines()
    return result.status, first.removeprefix("error: "), [hint.removeprefix("hint: ") for hint in hints]


def ssh_says(server: Endpoint) -> str:
    """Return the first line that git prints if the user's own ssh, which accepts no unknown key, connects."""
    url = f"ssh://git@{server.ssh}/none.git"
    return subprocess.run(["git", "ls-remote", url], check=False, capture_output=True, text=True).stderr.splitlines()[0]


def test_adds_the_published_keys(endpoint: Endpoint, trust: Run, known_hosts: Path) -> None:
    """Keys with published fingerprints are added, and ssh then accepts the server; a second run changes nothing."""
    endpoint.publish("ed25519", "rsa")
    unknown = f"No ED25519 host key is known for {endpoint.name} and you have requested strict checking."
    assert ssh_says(endpoint) == unknown
    first = trust("--json")
    assert (first.status, first.stderr, first.json["outcome"]) == (0, "", "created")
    written, before = known_hosts.read_text(), known_hosts.stat().st_mtime_ns
    assert sorted(written.splitlines(True)) == [endpoint.line(), endpoint.line("rsa")]
    headline, *lines = trust("osc-fr1").stdout.splitlines()
    assert headline == f"The host keys of {endpoint.ssh} are trusted already"
    keys = [f"  {key.type:11}  {key.fingerprint}" for key in map(endpoint.key, ("ed25519", "rsa"))]
    assert sorted(lines[:2]) == keys
    assert lines[2:] == ["  region       osc-fr1", f"  file         {known_hosts}", f"  source       {PUBLISHED}"]
    assert (known_hosts.read_text(), known_hosts.stat().st_mtime_ns) == (written, before)
    assert ssh_says(endpoint) == "app not found"


def test_adds_only_the_key_of_the_fingerprint_given(
    endpoint: Endpoint, given: Run, known_hosts: Path, other_key: HostKey
) -> None:
    """With `--fingerprint`, only the key that it names is added, whatever fingerprints are published."""
    endpoint.publish(others={other_key.type: other_key.fingerprint})
    fingerprint = endpoint.key().fingerprint

    def text(headline: str, note: str) -> str:
        fields = f"  region       osc-fr1\n  file         {known_hosts}\n  source       the fingerprint given\n"
        return f"{headline} the host key of {endpoint.ssh}\n  ssh-ed25519  {fingerprint}{note}\n{fields}"

    def json(outcome: str, *, added: bool, dry_run: bool) -> dict[str, Any]:
        key = {"type": "ssh-ed25519", "fingerprint": fingerprint, "added": added}
        place = {"region": "osc-fr1", "endpoint": endpoint.ssh, "file": str(known_hosts)}
        return {"outcome": outcome, **place, "keys": [key], "dry_run": dry_run, "warnings": []}

    assert given("-n").stdout == text("Would trust", "")
    assert given("-n", "--json").json == json("created", added=True, dry_run=True)
    assert not known_hosts.parent.exists()
    assert given("--fingerprint", NOBODY).stdout == text("Trusted", " (added)")
    assert known_hosts.read_text() == endpoint.line()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (known_hosts.parent, known_hosts)] == [0o700, 0o600]
    assert given("--json").json == json("unchanged", added=False, dry_run=False)
    known_hosts.unlink()
    assert given("--json").json == json("created", added=True, dry_run=False)


@pytest.mark.parametrize("hashed", [False, True])
def test_adds_what_is_missing_beside_what_is_known(
    endpoint: Endpoint, trust: Run, known_hosts: Path, monkeypatch: pytest.MonkeyPatch, *, hashed: bool
) -> None:
    """Existing entries, hashed or not, stay as they are; a new one is hashed only if HashKnownHosts is set."""
    endpoint.publish("ed25519", "rsa")
    write(known_hosts, f"# mine\nexample.org {endpoint.key()}\n{endpoint.line()}")
    if hashed:
        subprocess.run(["ssh-keygen", "-H", "-f", str(known_hosts)], check=True, capture_output=True)
        monkeypatch.setenv("GIT_SSH_COMMAND", os.environ["GIT_SSH_COMMAND"] + " -o HashKnownHosts=yes")
    before = known_hosts.read_text()
    assert trust("--json").json["outcome"] == "updated"
    added = known_hosts.read_text().removeprefix(before)
    assert added.startswith("|1|") if hashed else added == endpoint.line("rsa")
    assert trust("--json").json["outcome"] == "unchanged"


def test_a_key_that_ssh_knows_from_elsewhere_is_unchanged(
    endpoint: Endpoint, given: Run, known_hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If ssh knows the key from a system-wide file, nothing is written."""
    write(tmp_path / "system", f"*,!example.org {endpoint.key()}\n")
    ssh = os.environ["GIT_SSH_COMMAND"].replace("File=/dev/null", f"File={tmp_path}/system")
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh)
    assert given("--json").json["outcome"] == "unchanged"
    assert not known_hosts.exists()
    assert ssh_says(endpoint) == "app not found"


@pytest.mark.slow
def test_many_runs_at_once_add_each_key_once(endpoint: Endpoint, known_hosts: Path, program: Run) -> None:
    """If several processes run `trust` at once, all succeed, each key is added once, and other lines are kept."""
    write(known_hosts, "# mine")
    words = [word for kind in ("ed25519", "rsa") for word in ("--fingerprint", endpoint.key(kind).fingerprint)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: program("trust", *words), range(8)))
    assert {(result.status, result.stderr) for result in results} == {(0, "")}
    assert sorted(known_hosts.read_text().splitlines(True)) == ["# mine\n", endpoint.line(), endpoint.line("rsa")]


def test_several_regions(endpoint: Endpoint, second: Endpoint, trust: Run, known_hosts: Path) -> None:
    """Each region gets its own report; in JSON they form a list, even if the same region is named twice."""
    endpoint.publish("ed25519")
    second.publish("ecdsa")
    result = trust("osc-fr1", "scw-par", "osc-fr1")
    headlines = [f"Trusted the host key of {place.ssh}" for place in (endpoint, second)]
    assert [block.splitlines()[0] for block in result.stdout.split("\n\n")] == headlines
    assert known_hosts.read_text() == endpoint.line() + second.line("ecdsa")
    answer = trust("scw-par", "scw-par", "--json").json
    assert [(host["region"], host["outcome"]) for host in answer.pop("hosts")] == [("scw-par", "unchanged")]
    assert answer == {"dry_run": False, "warnings": []}


def test_nothing_is_written_unless_all_regions_are_verified(
    endpoint: Endpoint, second: Endpoint, trust: Run, known_hosts: Path, service: Service
) -> None:
    """If any region fails, no key is added and all reasons are reported; a host key problem decides the status."""
    endpoint.publish("ed25519")
    service.regions += [region_json("shut", "127.0.0.1:9"), region_json("nowhere", "ssh.invalid:22")]
    status, text, hints = error(trust("shut", "nowhere", "osc-fr1", "scw-par"))
    assert (status, text) == (7, "3 regions cannot be trusted; no host key was added")
    assert hints[:4] == [
        "shut: 127.0.0.1:9 cannot be reached: it refuses the connection",
        "nowhere: ssh.invalid:22 cannot be reached: the name ssh.invalid cannot be resolved",
        f"scw-par: nothing vouches for the host key of {second.ssh}: there is no published fingerprint",
        f"{second.ssh} offers ecdsa-sha2-nistp256 {second.key('ecdsa').fingerprint}",
    ]
    assert error(trust("shut", "osc-fr1"))[:2] == (4, "1 region cannot be trusted; no host key was added")
    assert not known_hosts.exists()


def test_all(endpoint: Endpoint, second: Endpoint, trust: Run, known_hosts: Path, repo: Repo) -> None:
    """`--all` trusts the regions of the repository's remotes and of the declared ones; without any, it is an error."""
    endpoint.publish("ed25519")
    second.publish("ecdsa")
    text = "no Scalingo remote here, and no declared one, is in a known region"
    assert trust("--all") == refusal(5, text, "git scalingo-region trust REGION")
    repo.git("remote", "add", "gone", "git@ssh.agora-fr1.scalingo.com:myapp.git")
    repo.git("remote", "add", "scalingo", f"ssh://git@{endpoint.ssh}/myapp.git")
    (repo.path / ".gitscalingo").write_text('[remote "paris"]\n\tapp = myapp\n\tregion = scw-par\n')
    answer = trust("--all", "--json").json
    assert [host["region"] for host in answer["hosts"]] == ["scw-par", "osc-fr1"]
    assert answer["warnings"] == ["left out: the region of the remote 'gone' is unknown"]
    assert known_hosts.read_text() == second.line("ecdsa") + endpoint.line()


def test_refuses_a_key_that_nothing_vouches_for(endpoint: Endpoint, trust: Run, known_hosts: Path) -> None:
    """If no fingerprint is published or given, the offered keys are shown, and nothing is trusted."""
    status, text, (*offered, hint) = error(trust())
    why = f"nothing vouches for the host key of {endpoint.ssh}: there is no published fingerprint"
    assert (status, text) == (7, why)
    keys = map(endpoint.key, endpoint.keys)
    assert sorted(offered) == [f"{endpoint.ssh} offers {key.type} {key.fingerprint}" for key in keys]
    assert hint == (
        "compare with the page 'Regions' of Scalingo's documentation, section 'SSH Endpoints', then: "
        "git scalingo-region trust osc-fr1 --fingerprint FINGERPRINT"
    )
    assert not known_hosts.parent.exists()


def test_a_known_key_is_enough_if_none_is_published(endpoint: Endpoint, trust: Run, known_hosts: Path) -> None:
    """If no fingerprint is published, a key that ssh knows already is trusted, unless it is revoked."""
    write(known_hosts, endpoint.line())
    assert trust().stdout == (
        f"The host key of {endpoint.ssh} is trusted already\n"
        f"  ssh-ed25519  {endpoint.key().fingerprint}\n"
        f"  region       osc-fr1\n"
        f"  file         {known_hosts}\n"
        f"  source       trusted before; no fingerprint is published\n"
    )
    assert known_hosts.read_text() == endpoint.line()
    text = f"{endpoint.line()}@revoked * {endpoint.key()}\n"
    known_hosts.write_text(text)
    assert (trust().status, known_hosts.read_text()) == (7, text)


def test_refuses_another_key(endpoint: Endpoint, trust: Run, known_hosts: Path, other_key: HostKey) -> None:
    """If the host offers another key than the published or the given one, none of its keys is added."""
    write(known_hosts, "# mine")
    endpoint.publish("rsa", others={"ssh-ed25519": other_key.fingerprint})
    for words, why in (
        ([], "its ssh-ed25519 key is not the published one"),
        (["--fingerprint", other_key.fingerprint], "none of its keys is the one given"),
    ):
        status, text, hints = error(trust(*words))
        start = f"the host that answers at {endpoint.ssh} may not be Scalingo's: "
        assert (status, text) == (7, f"{start}{why}; no host key was added")
        assert f"{endpoint.ssh} offers ssh-ed25519 {endpoint.key().fingerprint}" in hints
        assert known_hosts.read_text() == "# mine"


# What is wrong with an entry, and the words of the hint before the command that removes it.
OTHER = "holds another key for {name}, which the host does not offer: ssh-ed25519 {other.fingerprint}"
REVOKED = "revokes the host key ssh-ed25519 {key.fingerprint} of {name}"
ADVICE = {
    OTHER: "if Scalingo announced a new key, remove the old one",
    REVOKED: "if it was revoked by mistake, undo that",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "wrong", "after"),
    [
        ("{name} {other}\n", OTHER, ""),
        ("{name} {other}\n* {another}\n", OTHER, "!{name},* {another}\n"),
        ("@revoked * {key}\n", REVOKED, "@revoked !{name},* {key}\n"),
        ("{name} {key}\n@revoked * {key}\n", REVOKED, "{name} {key}\n@revoked !{name},* {key}\n"),
    ],
)
def test_refuses_beside_a_wrong_entry_and_says_how_to_take_it_out(
    endpoint: Endpoint, given: Run, known_hosts: Path, before: str, wrong: str, after: str
) -> None:
    """`trust` fails if an entry holds another key or revokes this one, and succeeds after the hint's command."""
    other, another = (public_key(make_key(Path(name))) for name in ("other", "another"))
    words: dict[str, Any] = {"name": endpoint.name, "key": endpoint.key(), "other": other, "another": another}
    before, what, after = (text.format(**words) for text in (before, wrong, after))
    write(known_hosts, before)
    status, text, hints = error(given())
    assert (status, text) == (7, f"{known_hosts} {what}; no host key was added")
    assert len(hints) == (2 if str(another) in before else 1)
    assert known_hosts.read_text() == before
    advice, _, command = hints[-1].partition(": ")
    assert advice == ADVICE[wrong]
    subprocess.run(command, shell=True, check=True)
    assert known_hosts.read_text() == after
    assert given().status == 0
    assert known_hosts.read_text() == (after if endpoint.line() in after else after + endpoint.line())
    assert ssh_says(endpoint) == "app not found"


def test_entries_that_say_nothing_about_the_key_are_left(
    endpoint: Endpoint, given: Run, known_hosts: Path, other_key: HostKey
) -> None:
    """Entries that say nothing about the verified key stay as they are, and do not keep it from being added."""
    rsa = endpoint.key("rsa")
    warning = f"nothing vouches for another key that {known_hosts} holds for {endpoint.name}: ssh-rsa {rsa.fingerprint}"
    for line, said in (
        (f"@revoked {endpoint.name} {other_key}\n", ""),
        (f"@cert-authority * {other_key}\n", ""),
        (f"127.0.0.1 {other_key}\n", ""),
        (f"!{endpoint.name},* {other_key}\n", ""),
        # A second key that the host offers: ssh itself adds such keys, so it only brings a warning.
        (endpoint.line("rsa"), f"warning: {warning}\n"),
    ):
        write(known_hosts, line)
        result = given()
        assert (result.status, result.stderr, known_hosts.read_text()) == (0, said, line + endpoint.line())


def test_a_published_key_that_is_not_offered_now_is_no_other_key(
    endpoint: Endpoint, trust: Run, known_hosts: Path, other_key: HostKey
) -> None:
    """An entry with a published key that the host does not offer now is accepted, and nothing changes."""
    endpoint.publish("ed25519", others={"ecdsa-sha2-nistp256": other_key.fingerprint})
    write(known_hosts, f"{endpoint.name} {other_key}\n{endpoint.line()}")
    assert trust("--json").json["outcome"] == "unchanged"


def test_known_hosts_option(
    endpoint: Endpoint, given: Run, known_hosts: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--known-hosts FILE` makes `trust` use that file and the endpoint's own name, without asking ssh for either."""
    monkeypatch.setenv("GIT_SSH_COMMAND", "false")
    file = home / "a b" / "c" / "hosts"
    assert given("--known-hosts", "a b/c/hosts", "--json").json["file"] == str(file)
    assert file.read_text() == endpoint.line()
    assert stat.S_IMODE((home / "a b").stat().st_mode) == 0o700
    assert not known_hosts.exists()


def test_writes_where_ssh_looks(
    endpoint: Endpoint, given: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry is written where ssh looks for it, even if ssh is configured with an alias and several files."""
    config = tmp_path / "ssh_config"
    config.write_text(f'Host 127.0.0.1\n  HostKeyAlias Scalingo\n  UserKnownHostsFile "{tmp_path}/a b" {tmp_path}/c\n')
    ssh = f"ssh -F {config} -i {home}/client_key -o IdentitiesOnly=yes -o BatchMode=yes -o GlobalKnownHostsFile=none"
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh)
    assert given().status == 0
    assert (tmp_path / "a b").read_text() == f"scalingo {endpoint.key()}\n"
    assert ssh_says(endpoint) == "app not found"


def test_scans_where_ssh_connects(
    endpoint: Endpoint, given: Run, service: Service, known_hosts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If ssh is configured to connect to another host and port, `trust` asks that host and writes its name."""
    service.regions = [region_json("osc-fr1", "ssh.invalid:22", default=True)]
    options = f" -o HostName=127.0.0.1 -o Port={endpoint.port}"
    monkeypatch.setenv("GIT_SSH_COMMAND", os.environ["GIT_SSH_COMMAND"] + options)
    assert given().status == 0
    assert known_hosts.read_text() == endpoint.line()


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everything")
def test_a_read_only_file(endpoint: Endpoint, given: Run, known_hosts: Path) -> None:
    """A read-only known_hosts file stays read-only: that is an error, unless the file holds the key already."""
    for text, expected in (("", f"error: cannot write {known_hosts}: Permission denied\n"), (endpoint.line(), "")):
        write(known_hosts, text)
        known_hosts.chmod(0o400)
        assert given().stderr == expected
        assert stat.S_IMODE(known_hosts.stat().st_mode) == 0o400
        known_hosts.chmod(0o600)


FORM = "is not a fingerprint: SHA256: and 43 characters, as ssh-keygen -l prints it"
NOT_ONE = ["", "SHA256:", "A" * 43, NOBODY[:-1], NOBODY + "=", "SHA256:" + "-" * 43, "MD5:00"]
ONE_REGION = refusal(2, "--fingerprint is for one region: name that region only")
NAME_A_FILE = "name a file with --known-hosts FILE"
UNREACHED = "cannot ask ssh.osc-fr1.scalingo.com:22 for its key: --offline"
REFUSED = [
    *((f"--fingerprint '{text}' --offline", refusal(2, f"'{text}' {FORM}")) for text in NOT_ONE),
    (f"osc-fr1 scw-par --fingerprint {NOBODY}", ONE_REGION),
    (f"--all --fingerprint {NOBODY}", ONE_REGION),
    ("--all osc-fr1", refusal(2, "REGION and --all cannot be used together")),
    ("--known-hosts /dev/null", refusal(5, "/dev/null is not a regular file", NAME_A_FILE)),
    ("--known-hosts /", refusal(5, "/ is not a regular file", NAME_A_FILE)),
    ("", refusal(5, "ssh is set to use no known_hosts file of the user", "name one with --known-hosts FILE")),
    ("--offline", refusal(4, UNREACHED)),
]


@pytest.mark.parametrize(("line", "expected"), REFUSED)
def test_refusals(trust: Run, monkeypatch: pytest.MonkeyPatch, line: str, expected: Result) -> None:
    """A bad fingerprint, a bad file, conflicting options or `--offline` is refused without asking the host."""
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -F none -o UserKnownHostsFile=none")
    result = trust(*shlex.split(line))
    assert replace(result, stderr=result.stderr.removeprefix(OFFLINE)) == expected
