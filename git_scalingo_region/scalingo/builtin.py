"""The built-in region table and host-key fingerprints: what is known without asking anybody. Data, no logic."""

from __future__ import annotations

from git_scalingo_region.model import Region, SshEndpoint

# Source: the platform's documentation, page "Regions", as modified on 2026-01-02.
SOURCE = "the platform's documentation of 2026-01-02"

REGIONS = (
    Region(
        name="osc-fr1",
        display_name="Paris - Outscale",
        api="https://api.osc-fr1.scalingo.com",
        dashboard="https://my.osc-fr1.scalingo.com",
        database_api="https://db-api.osc-fr1.scalingo.com",
        ssh=SshEndpoint("ssh.osc-fr1.scalingo.com"),
        default=True,
    ),
    Region(
        name="osc-secnum-fr1",
        display_name="Paris - SecNumCloud - Outscale",
        api="https://api.osc-secnum-fr1.scalingo.com",
        dashboard="https://my.osc-secnum-fr1.scalingo.com",
        database_api="https://db-api.osc-secnum-fr1.scalingo.com",
        ssh=SshEndpoint("ssh.osc-secnum-fr1.scalingo.com"),
    ),
)

# Section "SSH Endpoints" of the same page: endpoint to the SHA256 fingerprint of each of its keys, by the key's type.
FINGERPRINTS = {
    "ssh.osc-fr1.scalingo.com:22": {
        "ssh-rsa": "SHA256:f7y5p9OlI+UCuQoXctVNVj3pVkehTgUBWZz/0PtkGR8",
        "ssh-ed25519": "SHA256:vMMyB6vYf+U68JFAcK/vAL6g4DOKGmT/LMwLhzI9+3E",
    },
    "ssh.osc-secnum-fr1.scalingo.com:22": {
        "ssh-rsa": "SHA256:D2pGNXIDrEREqRUlElMDGQPkGK641e+hnWMbc7APRmM",
        "ssh-ed25519": "SHA256:kPzs5j39HdIVRgVZpQUgm9RtW9uqtFcHJz2M6ykZOiw",
    },
}

# Every host under this domain is the platform's, and its ssh hosts are named after their regions.
DOMAIN = "scalingo.com"

# Hosts that served a region once, before each had an endpoint of its own.
MOVED_HOSTS = {"scalingo.com": "osc-fr1"}
