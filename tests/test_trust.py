"""`trust`, against a real ssh server: who vouches for a key, what is written, and what never is."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import Repo, Result, Run, Service, refusal, region_json
from ssh_server import (
    Endpoint,
    client_key,
    endpoint,
    make_host_key,
    make_key,
    needs_ssh_server,
    other_key,
    public_key,
    serving,
)

from git_scalingo_region.ssh.client import HostKey

__all__ = ["client_key", "endpoint", "make_host_key", "other_key"]
pytestmark = needs_ssh_server

PUBLISHED = "Scalingo's documentation of 2026-01-02"
NOBODY = "SHA256:" + "A" * 43

Trust = Callable[..., Result]


@pytest.fixture
def regions(endpoint: Endpoint) -> dict[str, str]:
    """Return the endpoints of the regions that the service lists; osc-fr1 is the default."""
    return {"osc-fr1": endpoint.ssh}


@pytest.fixture
def trust(regions: dict[str, str], service: Service, run: Run) -> Trust:
    """Return a function that runs the command, with keyword arguments for its options."""

    def run_it(*names: str, fingerprint: Sequence[str] = (), known_hosts: str = "", **flags: bool) -> Result:
        service.regions = [region_json(name, ssh, default=name == "osc-fr1") for name, ssh in regions.items()]
        words = [word for text in fingerprint for word in ("--fingerprint", text)]
        words += ["--known-hosts", known_hosts] if known_hosts else []
        words += [f"--{name.replace('_', '-')}" for name, wanted in flags.items() if wanted]
        return run("trust", *names, *words)

    return run_it


@pytest.fixture
def second(
    tmp_path: Path, regions: dict[str, str], client_key: Path, make_host_key: Callable[[str], Path]
) -> Iterator[Endpoint]:
    """Run the server of a second region, scw-par, with an ecdsa key."""
    with serving(tmp_path / "more", {"ecdsa": make_host_key("ecdsa")}, client_key) as running:
        regions["scw-par"] = running.ssh
        yield running


def write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(text)


def error(result: Result) -> tuple[int, str, list[str]]:
    """Return the status, the error and the hints of a refusal, without their labels."""
    assert result.stdout == ""
    first, *hints = (line for line in result.stderr.splitlines() if not line.startswith("warning: "))
    return result.status, first.removeprefix("error: "), [hint.removeprefix("hint: ") for hint in hints]


def ssh_says(server: Endpoint) -> str:
    """Return what the user's own ssh, which accepts no unknown key, says of the server."""
    url = f"ssh://git@{server.ssh}/none.git"
    return subprocess.run(["git", "ls-remote", url], check=False, capture_output=True, text=True).stderr.splitlines()[0]


def test_adds_the_published_keys(endpoint: Endpoint, trust: Trust, known_hosts: Path) -> None:
    """The keys whose fingerprints are published are added, and ssh accepts them; a second run changes nothing."""
    endpoint.publish("ed25519", "rsa")
    unknown = f"No ED25519 host key is known for {endpoint.name} and you have requested strict checking."
    assert ssh_says(endpoint) == unknown
    first = trust(json=True)
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
    endpoint: Endpoint, trust: Trust, known_hosts: Path, other_key: HostKey
) -> None:
    """`--fingerprint` vouches for the key that it names and no other, and the published one no longer counts."""
    endpoint.publish(others={other_key.type: other_key.fingerprint})
    words: dict[str, Any] = {"fingerprint": (NOBODY, endpoint.key().fingerprint)}
    expected = (
        "{} the host key of {}\n  ssh-ed25519  {}{}\n"
        "  region       osc-fr1\n  file         {}\n  source       the fingerprint given\n"
    )
    values = (endpoint.ssh, endpoint.key().fingerprint)
    assert trust(**words, dry_run=True).stdout == expected.format("Would trust", *values, "", known_hosts)
    assert not known_hosts.parent.exists()
    assert trust(**words).stdout == expected.format("Trusted", *values, " (added)", known_hosts)
    assert known_hosts.read_text() == endpoint.line()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (known_hosts.parent, known_hosts)] == [0o700, 0o600]


def test_json(endpoint: Endpoint, trust: Trust, known_hosts: Path) -> None:
    """`--json` says what happened to each key, also in a run that changes nothing."""

    def shape(outcome: str, *, added: bool, dry_run: bool) -> dict[str, Any]:
        key = {"type": "ssh-ed25519", "fingerprint": endpoint.key().fingerprint, "added": added}
        place = {"region": "osc-fr1", "endpoint": endpoint.ssh, "file": str(known_hosts)}
        return {"outcome": outcome, **place, "keys": [key], "dry_run": dry_run, "warnings": []}

    words: dict[str, Any] = {"fingerprint": (endpoint.key().fingerprint,), "json": True}
    assert trust(**words, dry_run=True).json == shape("created", added=True, dry_run=True)
    assert trust(**words).json == shape("created", added=True, dry_run=False)
    assert trust(**words).json == shape("unchanged", added=False, dry_run=False)


@pytest.mark.parametrize("hashed", [False, True])
def test_adds_what_is_missing_beside_what_is_known(
    endpoint: Endpoint, trust: Trust, known_hosts: Path, monkeypatch: pytest.MonkeyPatch, *, hashed: bool
) -> None:
    """An entry that is there, hashed or not, stays as it is; HashKnownHosts decides about the new one."""
    endpoint.publish("ed25519", "rsa")
    write(known_hosts, f"# mine\nexample.org {endpoint.key()}\n{endpoint.line()}")
    if hashed:
        subprocess.run(["ssh-keygen", "-H", "-f", str(known_hosts)], check=True, capture_output=True)
        monkeypatch.setenv("GIT_SSH_COMMAND", os.environ["GIT_SSH_COMMAND"] + " -o HashKnownHosts=yes")
    before = known_hosts.read_text()
    assert trust(json=True).json["outcome"] == "updated"
    added = known_hosts.read_text().removeprefix(before)
    assert added.startswith("|1|") if hashed else added == endpoint.line("rsa")
    assert trust(json=True).json["outcome"] == "unchanged"


def test_a_key_that_ssh_knows_from_elsewhere_is_unchanged(
    endpoint: Endpoint, trust: Trust, known_hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a system-wide file holds the key, nothing is written."""
    write(tmp_path / "system", f"*,!example.org {endpoint.key()}\n")
    ssh = os.environ["GIT_SSH_COMMAND"].replace("File=/dev/null", f"File={tmp_path}/system")
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh)
    assert trust(fingerprint=(endpoint.key().fingerprint,), json=True).json["outcome"] == "unchanged"
    assert not known_hosts.exists()
    assert ssh_says(endpoint) == "app not found"


@pytest.mark.slow
def test_many_runs_at_once_add_each_key_once(endpoint: Endpoint, known_hosts: Path, program: Run) -> None:
    """Processes at the same time all succeed, and leave each key there once beside what was there."""
    write(known_hosts, "# mine")
    words = [word for kind in ("ed25519", "rsa") for word in ("--fingerprint", endpoint.key(kind).fingerprint)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: program("trust", *words), range(8)))
    assert {(result.status, result.stderr) for result in results} == {(0, "")}
    assert sorted(known_hosts.read_text().splitlines(True)) == ["# mine\n", endpoint.line(), endpoint.line("rsa")]


def test_several_regions(endpoint: Endpoint, second: Endpoint, trust: Trust, known_hosts: Path) -> None:
    """Each region has its record; in JSON they are a list, even if only one region is left of those named."""
    endpoint.publish("ed25519")
    second.publish("ecdsa")
    result = trust("osc-fr1", "scw-par", "osc-fr1")
    headlines = [f"Trusted the host key of {place.ssh}" for place in (endpoint, second)]
    assert [block.splitlines()[0] for block in result.stdout.split("\n\n")] == headlines
    assert known_hosts.read_text() == endpoint.line() + second.line("ecdsa")
    answer = trust("scw-par", "scw-par", json=True).json
    assert [(host["region"], host["outcome"]) for host in answer.pop("hosts")] == [("scw-par", "unchanged")]
    assert answer == {"dry_run": False, "warnings": []}


def test_nothing_is_written_unless_all_regions_are_verified(
    endpoint: Endpoint, second: Endpoint, trust: Trust, known_hosts: Path, regions: dict[str, str]
) -> None:
    """What keeps regions from being trusted is reported together, and a host key decides about the status."""
    endpoint.publish("ed25519")
    regions["gone"] = "127.0.0.1:9"
    status, text, hints = error(trust("gone", "osc-fr1", "scw-par"))
    assert (status, text) == (7, "2 regions cannot be trusted; no host key was added")
    assert hints[:3] == [
        "gone: 127.0.0.1:9 cannot be reached: it refuses the connection",
        f"scw-par: nothing vouches for the host key of {second.ssh}: there is no published fingerprint",
        f"{second.ssh} offers ecdsa-sha2-nistp256 {second.key('ecdsa').fingerprint}",
    ]
    assert error(trust("gone", "osc-fr1"))[:2] == (4, "1 region cannot be trusted; no host key was added")
    assert not known_hosts.exists()


def test_words_that_contradict_each_other(trust: Trust) -> None:
    """A fingerprint is for one region, and `--all` names them all."""
    expected = refusal(2, "--fingerprint is for one region: name that region only")
    assert trust("osc-fr1", "scw-par", fingerprint=(NOBODY,)) == trust(all=True, fingerprint=(NOBODY,)) == expected
    expected = refusal(2, "REGION and --all cannot be used together")
    assert trust("osc-fr1", all=True) == expected


def test_all(endpoint: Endpoint, second: Endpoint, trust: Trust, known_hosts: Path, repo: Repo) -> None:
    """`--all` takes the regions of the repository's remotes and of the declared ones; without any it is an error."""
    endpoint.publish("ed25519")
    second.publish("ecdsa")
    text = "there is no Scalingo remote here, and none is declared"
    assert trust(all=True) == refusal(5, text, "git scalingo-region trust REGION")
    repo.git("remote", "add", "gone", "git@ssh.agora-fr1.scalingo.com:myapp.git")
    repo.git("remote", "add", "scalingo", f"ssh://git@{endpoint.ssh}/myapp.git")
    (repo.path / ".gitscalingo").write_text('[remote "paris"]\n\tapp = myapp\n\tregion = scw-par\n')
    answer = trust(all=True, json=True).json
    assert [host["region"] for host in answer["hosts"]] == ["scw-par", "osc-fr1"]
    assert answer["warnings"] == ["left out: the region of the remote 'gone' is unknown"]
    assert known_hosts.read_text() == second.line("ecdsa") + endpoint.line()


def test_refuses_a_key_that_nothing_vouches_for(endpoint: Endpoint, trust: Trust, known_hosts: Path) -> None:
    """If no fingerprint is published or given, the offered keys are shown, and nothing is trusted."""
    status, text, hints = error(trust())
    why = f"nothing vouches for the host key of {endpoint.ssh}: there is no published fingerprint"
    assert (status, text) == (7, why)
    offered = [f"{endpoint.ssh} offers {key.type} {key.fingerprint}" for key in map(endpoint.key, endpoint.keys)]
    assert sorted(hints[:-1]) == offered
    assert hints[-1] == (
        "compare with the page 'Regions' of Scalingo's documentation, section 'SSH Endpoints', then: "
        "git scalingo-region trust osc-fr1 --fingerprint FINGERPRINT"
    )
    assert not known_hosts.parent.exists()


def test_a_known_key_is_enough_if_none_is_published(endpoint: Endpoint, trust: Trust, known_hosts: Path) -> None:
    """A key that the host offers and ssh trusts is fine, and nothing changes; a revoked one is not trusted."""
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


@pytest.mark.parametrize("case", ["published", "given", "one of two"])
def test_refuses_another_key(
    endpoint: Endpoint, trust: Trust, known_hosts: Path, other_key: HostKey, case: str
) -> None:
    """A host that offers another key than the one vouched for is not believed at all, whatever else it offers."""
    write(known_hosts, "# mine")
    given: tuple[str, ...] = ()
    why = "its ssh-ed25519 key is not the published one"
    if case == "given":
        given, why = (other_key.fingerprint,), "none of its keys is the one given"
    else:
        kinds = ["rsa"] if case == "one of two" else []
        endpoint.publish(*kinds, others={"ssh-ed25519": other_key.fingerprint})
    status, text, hints = error(trust(fingerprint=given))
    start = f"the host that answers at {endpoint.ssh} may not be Scalingo's: "
    assert (status, text) == (7, f"{start}{why}; no host key was added")
    assert f"{endpoint.ssh} offers ssh-ed25519 {endpoint.key().fingerprint}" in hints
    assert known_hosts.read_text() == "# mine"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("{name} {other}\n", ""),
        ("{name} {other}\n{name} {another}\n", ""),
        ("i,{name} {other}\n# mine\n", "!{name},i,{name} {other}\n# mine\n"),
        ("* {other}\n", "!{name},* {other}\n"),
    ],
)
def test_refuses_beside_another_key_and_says_how_to_remove_it(
    endpoint: Endpoint, trust: Trust, known_hosts: Path, tmp_path: Path, other_key: HostKey, line: str, after: str
) -> None:
    """A key that the host does not offer is not overruled; after the command of the hint, `trust` works."""
    words = {"name": endpoint.name, "other": str(other_key), "another": str(public_key(make_key(tmp_path / "another")))}
    write(known_hosts, line.format(**words))
    run = {"fingerprint": (endpoint.key().fingerprint,)}
    status, text, hints = error(trust(**run))
    what = f"which the host does not offer: ssh-ed25519 {other_key.fingerprint}; no host key was added"
    assert (status, text) == (7, f"{known_hosts} holds another key for {endpoint.name}, {what}")
    assert len(hints) == (2 if "another" in line else 1)
    assert known_hosts.read_text() == line.format(**words)
    advice, _, command = hints[-1].partition(": ")
    assert advice == "if Scalingo announced a new key, remove the old one"
    subprocess.run(command, shell=True, check=True)
    assert known_hosts.read_text() == after.format(**words)
    assert trust(**run).status == 0
    assert known_hosts.read_text() == after.format(**words) + endpoint.line()
    assert ssh_says(endpoint) == "app not found"


@pytest.mark.parametrize("plain", ["", "{name} {key}\n"])
def test_refuses_a_revoked_key_and_says_how_to_take_that_back(
    endpoint: Endpoint, trust: Trust, known_hosts: Path, plain: str
) -> None:
    """A key that the file revokes is not added, whoever vouches for it; the command of the hint is exact."""
    plain = plain.format(name=endpoint.name, key=endpoint.key())
    write(known_hosts, f"{plain}@revoked * {endpoint.key()}\n")
    run = {"fingerprint": (endpoint.key().fingerprint,)}
    status, text, (hint,) = error(trust(**run))
    what = f"ssh-ed25519 {endpoint.key().fingerprint}"
    assert (status, text) == (7, f"{known_hosts} revokes the host key {what} of {endpoint.name}; no host key was added")
    advice, _, command = hint.partition(": ")
    assert advice == "if it was revoked by mistake, undo that"
    subprocess.run(command, shell=True, check=True)
    assert trust(**run).status == 0
    left = f"@revoked !{endpoint.name},* {endpoint.key()}\n"
    assert sorted(known_hosts.read_text().splitlines(True)) == [left, endpoint.line()]
    assert ssh_says(endpoint) == "app not found"


@pytest.mark.parametrize(
    "line", ["@revoked {name} {other}\n", "@cert-authority * {other}\n", "127.0.0.1 {other}\n", "!{name},* {other}\n"]
)
def test_entries_that_say_nothing_about_the_key_are_left(
    endpoint: Endpoint, trust: Trust, known_hosts: Path, other_key: HostKey, line: str
) -> None:
    """Another revoked key, an authority, another port's entry and a negated name do not keep the key out."""
    before = line.format(name=endpoint.name, other=other_key)
    write(known_hosts, before)
    assert trust(fingerprint=(endpoint.key().fingerprint,)).status == 0
    assert known_hosts.read_text() == before + endpoint.line()


def test_warns_about_a_known_key_that_nothing_vouches_for(endpoint: Endpoint, trust: Trust, known_hosts: Path) -> None:
    """A key that the host offers beside the verified one, as ssh itself adds them, stays, with a warning."""
    write(known_hosts, endpoint.line("rsa"))
    result = trust(fingerprint=(endpoint.key().fingerprint,))
    what = f"ssh-rsa {endpoint.key('rsa').fingerprint}"
    expected = f"warning: nothing vouches for another key that {known_hosts} holds for {endpoint.name}: {what}\n"
    assert result.stderr == expected
    assert known_hosts.read_text() == endpoint.line("rsa") + endpoint.line()


def test_a_published_key_that_is_not_offered_now_is_no_other_key(
    endpoint: Endpoint, trust: Trust, known_hosts: Path, other_key: HostKey
) -> None:
    """A scan that sees only some of the published keys does not turn against an entry of the others."""
    endpoint.publish("ed25519", others={"ecdsa-sha2-nistp256": other_key.fingerprint})
    write(known_hosts, f"{endpoint.name} {other_key}\n{endpoint.line()}")
    assert trust(json=True).json["outcome"] == "unchanged"


def test_known_hosts_option(
    endpoint: Endpoint, trust: Trust, known_hosts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--known-hosts FILE` is the file to look at and to write, under the endpoint's own name, without asking ssh."""
    monkeypatch.setenv("GIT_SSH_COMMAND", "false")
    file = Path.cwd() / "a b" / "c" / "hosts"
    words: dict[str, Any] = {"fingerprint": (endpoint.key().fingerprint,), "known_hosts": "a b/c/hosts"}
    assert trust(**words, json=True).json["file"] == str(file)
    assert file.read_text() == endpoint.line()
    assert stat.S_IMODE((Path.cwd() / "a b").stat().st_mode) == 0o700
    assert not known_hosts.exists()


@pytest.mark.parametrize("file", ["fifo", "/dev/null", "."])
def test_known_hosts_option_that_is_no_file(trust: Trust, home: Path, file: str) -> None:
    """A fifo, a device and a folder are refused before the host is asked."""
    os.mkfifo(home / "fifo")
    text = f"{os.path.abspath(file)} is not a regular file"
    assert trust(known_hosts=file) == refusal(5, text, "name a file with --known-hosts FILE")


def test_writes_where_ssh_looks(
    endpoint: Endpoint, trust: Trust, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an alias, several files and a blank in ssh's configuration, the entry makes ssh accept the host."""
    config = tmp_path / "ssh_config"
    config.write_text(f'Host 127.0.0.1\n  HostKeyAlias Scalingo\n  UserKnownHostsFile "{tmp_path}/a b" {tmp_path}/c\n')
    ssh = f"ssh -F {config} -i {home}/client_key -o IdentitiesOnly=yes -o BatchMode=yes -o GlobalKnownHostsFile=none"
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh)
    assert trust(fingerprint=(endpoint.key().fingerprint,)).status == 0
    assert (tmp_path / "a b").read_text() == f"scalingo {endpoint.key()}\n"
    assert ssh_says(endpoint) == "app not found"


def test_scans_where_ssh_connects(
    endpoint: Endpoint, trust: Trust, regions: dict[str, str], known_hosts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If ssh is told to connect to another host and port, that one is asked, and named in the file."""
    regions["osc-fr1"] = "ssh.invalid:22"
    options = f" -o HostName=127.0.0.1 -o Port={endpoint.port}"
    monkeypatch.setenv("GIT_SSH_COMMAND", os.environ["GIT_SSH_COMMAND"] + options)
    assert trust(fingerprint=(endpoint.key().fingerprint,)).status == 0
    assert known_hosts.read_text() == endpoint.line()


def test_no_file_of_the_user(trust: Trust, monkeypatch: pytest.MonkeyPatch) -> None:
    """If ssh is set to use no file, one has to be named."""
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -F none -o UserKnownHostsFile=none")
    text = "ssh is set to use no known_hosts file of the user"
    assert trust() == refusal(5, text, "name one with --known-hosts FILE")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everything")
def test_a_read_only_file(endpoint: Endpoint, trust: Trust, known_hosts: Path) -> None:
    """A read-only file is not made writable, and is enough if it holds the key."""
    for text, expected in (("", f"error: cannot write {known_hosts}: Permission denied\n"), (endpoint.line(), "")):
        write(known_hosts, text)
        known_hosts.chmod(0o400)
        assert trust(fingerprint=(endpoint.key().fingerprint,)).stderr == expected
        assert stat.S_IMODE(known_hosts.stat().st_mode) == 0o400
        known_hosts.chmod(0o600)


@pytest.mark.parametrize("text", ["", "SHA256:", "A" * 43, NOBODY[:-1], NOBODY + "=", "SHA256:" + "-" * 43, "MD5:00"])
def test_a_fingerprint_that_is_none(trust: Trust, text: str) -> None:
    """What cannot be a fingerprint is refused before anybody is asked."""
    message = f"'{text}' is not a fingerprint: SHA256: and 43 characters, as ssh-keygen -l prints it"
    assert trust(fingerprint=(text,), offline=True) == refusal(2, message)


def test_offline(trust: Trust) -> None:
    """`--offline` says that the host cannot be reached, whatever vouches for its key."""
    result = trust(offline=True)
    assert result.stderr.startswith("warning: offline; using the built-in list of regions")
    text = "cannot ask ssh.osc-fr1.scalingo.com:22 for its key: --offline"
    assert error(result) == (4, text, [])
