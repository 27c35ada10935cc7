"""The platform on loopback: its service, and the API of each region, with a delay before each answer."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

APP = "myapp"
REGIONS = ("osc-fr1", "osc-secnum-fr1")  # the first has the app

# An unsigned JWT that expires in 2286: the platform's CLI reads when it expires.
BEARER = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjk5OTk5OTk5OTl9.x"


class Service(ThreadingHTTPServer):
    """The running service. It waits `delay` seconds before each answer, and counts the requests."""

    delay = 0.0
    requests = 0

    @property
    def url(self) -> str:
        """The address."""
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, path: str) -> object:
        """Return the JSON of the answer, or None."""
        regions = [
            {
                "name": name,
                "api": f"{self.url}/{name}",
                "ssh": f"ssh.{name}.scalingo.com:22",
                "default": name == REGIONS[0],
            }
            for name in REGIONS
        ]
        return {
            "/v1/regions": {"regions": regions},
            "/v1/tokens/exchange": {"token": BEARER},
            "/v1/users/self": {"user": {"id": "me", "username": "me"}},
            f"/{REGIONS[0]}/v1/apps/{APP}": {"app": {"name": APP, "git_url": f"git@{regions[0]['ssh']}/{APP}.git"}},
        }.get(path)


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Service

    def do_GET(self) -> None:
        """Wait, and answer."""
        self.server.requests += 1
        time.sleep(self.server.delay)
        answer = self.server.answer(self.path)
        body = json.dumps(answer).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *arguments: Any) -> None:
        """Write nothing."""


@contextlib.contextmanager
def serve() -> Iterator[Service]:
    """Run a service until the end of the `with` block."""
    with Service(("127.0.0.1", 0), Handler) as service:
        threading.Thread(target=service.serve_forever, args=[0.01], daemon=True).start()
        yield service
        service.shutdown()
