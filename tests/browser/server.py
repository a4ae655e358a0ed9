"""A JupyterLab of the tests' own: throw-away folders, a free port on the loopback, a token."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

START_TIMEOUT = 60  # seconds
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
    "@jupyterlab/notebook-extension/tracker": {
        "windowingMode": "none",  # else only what is in view is in the page
        "kernelShutdown": True,  # with its notebook
    },
}

STARTUP = "import gc\n\ngc.set_threshold(20_000, 20)  # as in the tests' own processes\ndel gc\n"  # of each kernel


class Server:
    """JupyterLab on the folder `notebooks` of a home folder; `url` opens it. `stop` ends it and its kernels.

    Raises RuntimeError, with the server's last words, where it does not start.
    """

    def __init__(self, home):
        self.notebooks = home / "notebooks"
        self.notebooks.mkdir()
        files = {f"settings/{name}.jupyterlab-settings": json.dumps(values) for name, values in SETTINGS.items()}
        for name, text in {**files, "ipython/profile_default/startup/gc.py": STARTUP}.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text, encoding="utf-8")
        self.address, self.token = f"http://127.0.0.1:{free_port()}", secrets.token_hex(16)
        self.log = open(home / "log.txt", "w+", encoding="utf-8")
        self.process = subprocess.Popen(self._command(), env=variables(home), stdout=self.log, stderr=self.log)
        self.url = f"{self.address}/lab?token={self.token}&reset"

    def _command(self):
        return [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
                f"--ServerApp.port={self.address.rpartition(':')[2]}", "--ServerApp.port_retries=0",
                f"--ServerApp.root_dir={self.notebooks}", f"--IdentityProvider.token={self.token}",
                "--LabApp.expose_app_in_browser=True", "--KernelManager.transport_encryption=auto"]

    def wait(self):
        """Returns when the server answers."""
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.address}/api/status?token={self.token}", timeout=START_TIMEOUT):
                    return
            except urllib.error.URLError:
                time.sleep(0.1)
        self.log.seek(0)
        raise RuntimeError(f"JupyterLab did not start within {START_TIMEOUT} s:\n{self.log.read()[-3000:]}")

    def stop(self):
        """Asks the server to stop, so that its kernels stop too; ends it where it does not answer."""
        request = urllib.request.Request(f"{self.address}/api/shutdown", method="POST",
                                         headers={"Authorization": f"token {self.token}"})
        try:
            with urllib.request.urlopen(request, timeout=10):
                self.process.wait(timeout=20)
        except (urllib.error.URLError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.log.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def variables(home):
    folders = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime",
               "JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
               "IPYTHONDIR": "ipython"}
    return {**os.environ, **{name: str(home / folder) for name, folder in folders.items()}}
