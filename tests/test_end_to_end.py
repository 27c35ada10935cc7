"""From an empty home to two deployed apps: clone, `setup --trust`, `doctor --connect`, push."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from account import Account
from conftest import Repo, Run, git
from pasting import Paste, field
from ssh_server import serving

HEADS = ("for-each-ref", "--format=%(refname) %(objectname)")
DECLARED = '[remote "staging"]\n\tapp = shop-staging\n\tregion = scw-par\n[remote "production"]\n\tapp = shop\n'


@pytest.mark.slow
def test_from_a_clone_to_two_regions(
    make_repo: Callable[[str], Repo],
    run: Run,
    paste: Paste,
    account: Account,
    client_key: Path,
    make_host_key: Callable[[str], Path],
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a clone and `setup --trust`, all checks of `doctor` are ok, and each push arrives in the right region."""
    origin = make_repo("origin")
    (origin.path / ".gitscalingo").write_text(DECLARED)
    (origin.path / "data").write_text("data\n" * 100_000)
    origin.git("add", ".")
    origin.commit()
    kinds = {"osc-fr1": "ed25519", "scw-par": "ecdsa"}
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(serving(tmp_path / name, {kind: make_host_key(kind)}, client_key))
            for name, kind in kinds.items()
        }
        account.service.regions.clear()
        for name, server in servers.items():
            account.add_region(name, server.ssh, default=name == "scw-par")
            server.publish(kinds[name])
        account.add_app("osc-fr1", "shop")
        account.add_app("scw-par", "shop-staging")
        account.hold(Path(f"{client_key}.pub").read_text().strip())
        apps = {"production": servers["osc-fr1"].app("shop"), "staging": servers["scw-par"].app("shop-staging")}
        monkeypatch.chdir(tmp_path)

        git("clone", "--quiet", str(origin.path), "clone")
        monkeypatch.chdir(tmp_path / "clone")
        made = run("setup", "--trust")

        assert (made.status, made.stderr) == (0, "")
        assert "osc-fr1 (Place of osc-fr1), where the app is" in made.stdout
        assert (home / ".ssh" / "known_hosts").read_text() == "".join(
            servers[name].line(kinds[name]) for name in ("scw-par", "osc-fr1")
        )
        assert run("status").status == 0
        for remote, app in apps.items():
            found = run("doctor", "--connect", remote, "--json")
            checks = {check["check"]: check["status"] for check in found.json["checks"]}
            assert (found.status, set(checks.values())) == (0, {"ok"}), found.json
            assert git(*HEADS, cwd=app) == ""
            done = paste(field(run("add", "-r", remote), "next"))
            assert done.returncode == 0, done.stderr
            assert git(*HEADS, cwd=app) == f"refs/heads/main {origin.git('rev-parse', 'HEAD')}"
            assert git("cat-file", "-p", "main:data", cwd=app) == origin.git("cat-file", "-p", "main:data")
        assert run("setup", "--trust").stdout.startswith("2 declared remotes up to date\n")
