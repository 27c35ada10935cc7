"""The built-in table: the regions, fingerprints and hosts that are known without asking the service."""

from __future__ import annotations

from collections.abc import Mapping

from git_scalingo_region.model import ListSource, Region, RegionList, SshEndpoint

# Source: Scalingo's documentation, page "Regions", as modified on 2026-01-02.
SOURCE = "Scalingo's documentation of 2026-01-02"

# Every host under this domain belongs to the platform, and its ssh hosts are named after their regions.
DOMAIN = "scalingo.com"

# Hosts of former regions that do not contain the name of their region. This one was renamed ssh.agora-fr1.scalingo.com
# in 2019; when agora-fr1 was closed, the owner of each app chose the region that it moved to.
FORMER_HOSTS = {"scalingo.com": "agora-fr1"}


def _region(name: str, display_name: str, *, default: bool = False) -> Region:
    api, dashboard, database_api = (f"https://{host}.{name}.{DOMAIN}" for host in ("api", "my", "db-api"))
    return Region(name, display_name, SshEndpoint(f"ssh.{name}.{DOMAIN}"), api, dashboard, database_api, default)


REGIONS = (
    _region("osc-fr1", "Paris - Outscale", default=True),
    _region("osc-secnum-fr1", "Paris - SecNumCloud - Outscale"),
)
LIST = RegionList(REGIONS, ListSource.BUILT_IN, None)

# Section "SSH Endpoints" of the same page: the SHA256 fingerprint of each key of an ssh endpoint, by key type.
FINGERPRINTS: Mapping[SshEndpoint, Mapping[str, str]] = {
    SshEndpoint("ssh.osc-fr1.scalingo.com"): {
        "ssh-rsa": "SHA256:f7y5p9OlI+UCuQoXctVNVj3pVkehTgUBWZz/0PtkGR8",
        "ssh-ed25519": "SHA256:vMMyB6vYf+U68JFAcK/vAL6g4DOKGmT/LMwLhzI9+3E",
    },
    SshEndpoint("ssh.osc-secnum-fr1.scalingo.com"): {
        "ssh-rsa": "SHA256:D2pGNXIDrEREqRUlElMDGQPkGK641e+hnWMbc7APRmM",
        "ssh-ed25519": "SHA256:kPzs5j39HdIVRgVZpQUgm9RtW9uqtFcHJz2M6ykZOiw",
    },
}


def fingerprints(endpoint: SshEndpoint) -> Mapping[str, str]:
    """Return the published fingerprints of an ssh endpoint by key type; an empty mapping if none are published."""
    return FINGERPRINTS.get(endpoint, {})
