"""A server on this machine that answers huggingface_hub as the hub does."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
Files = dict[str, dict[str, bytes]]


@contextmanager
def hub_with(repositories: Files) -> Iterator[tuple[str, list[str]]]:
    """Serve repository -> file name -> content; yield the address and the growing list of requests.

    A repository called "any/gated" answers as one whose conditions are not accepted, "any/broken" with status 500.
    """
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.wfile.write(self.answer())

        def answer(self) -> bytes:
            """Send the headers and return the body."""
            requests.append(f"{self.command} {self.path}")
            repository, _, place = self.path.strip("/").partition("/resolve/")
            filename = place.partition("/")[2]
            body = repositories.get(repository, {}).get(filename, b"")
            headers = {"Content-Length": str(len(body)), "X-Repo-Commit": COMMIT}
            status = 200
            if repository == "any/broken":
                status = 500
            elif repository == "any/gated":
                status, headers["X-Error-Code"] = 403, "GatedRepo"
            elif repository not in repositories:
                status, headers["X-Error-Code"] = 404, "RepoNotFound"
            elif filename not in repositories[repository]:
                status, headers["X-Error-Code"] = 404, "EntryNotFound"
            else:
                headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()}"'
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            return body

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()
