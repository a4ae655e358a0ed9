"""For tests of data files: an empty data folder, and a server on this machine that behaves well or badly."""

import http.server
import threading

import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty data folder, named by BNCOURSE_DATA."""
    monkeypatch.setenv("BNCOURSE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


class Handler(http.server.BaseHTTPRequestHandler):
    """/<behaviour>/<name>: sends the server's file of that name as the behaviour says."""

    def do_GET(self):
        behaviour, _, name = self.path[1:].partition("/")
        body = self.server.files.get(name)
        self.server.asked.append(self.path)
        if behaviour == "missing" or body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        sent = {"good": body, "other": bytes(reversed(body)), "cut": body[: len(body) // 2]}[behaviour]
        self.wfile.write(sent)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """A server with `files` (name -> bytes), `asked` (the paths asked for) and `url`."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.asked = {}, []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
