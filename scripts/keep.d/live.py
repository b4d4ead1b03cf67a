"""The program itself: its metrics while it runs, read all the time, and the unit that it writes, verified."""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.argv, BINARY = [sys.argv[0], "."], sys.argv[1]
from sandbox import Sandbox
from texts import metrics

RUN_SECONDS = 8
WALLET = "01a20238-65b7-7d3f-808b-d0cdea77429e"


def environment(sandbox, **more):
    return {"HOME": "/nonexistent", "PATH": os.environ["PATH"], "WAIAAS_BASE_URL": sandbox.url,
            "WAIAAS_DATA_DIR": sandbox.directory.name, **more}


def live_metrics():
    with Sandbox(BINARY) as sandbox, tempfile.TemporaryDirectory() as directory:
        tokens = pathlib.Path(sandbox.directory.name, "mcp-tokens")
        tokens.mkdir()
        revoked = sandbox.session(60, 40)
        pathlib.Path(sandbox.directory.name, "mcp-token").write_text(sandbox.session(4, 0)["token"])
        (tokens / WALLET).write_text(revoked["token"])
        sandbox.control(revoke=revoked["id"])
        path = pathlib.Path(directory, "waiaas.prom")
        keeper = subprocess.Popen([BINARY, "keep", "--metrics", path], env=environment(sandbox),
                                  stderr=subprocess.DEVNULL)
        texts, until = 0, time.monotonic() + RUN_SECONDS
        while time.monotonic() < until:
            if path.exists():
                families = metrics(path.read_text())
                texts += 1
        keeper.terminate()
        assert keeper.wait(10) == 0
        assert texts > 100, texts
        value = lambda name, **labels: [
            sample.value for sample in families[name].samples if labels.items() <= sample.labels.items()]
        assert value("waiaas_session_state", file="mcp-token", state="active") == [1.0]
        assert value("waiaas_session_state", wallet=WALLET, state="active") == [0.0]
        assert value("waiaas_session_renewals", file="mcp-token")[0] >= 2
        assert value("waiaas_session_renewal_failures", wallet=WALLET)[0] >= 1
        assert value("waiaas_daemon_reachable", file="mcp-token") == [1.0]
        last = value("waiaas_session_last_renewal_timestamp_seconds", file="mcp-token")[0]
        assert abs(time.time() - last) < 10, last
        print(f"metrics: {texts} texts read while it ran, each whole")


def unit():
    with Sandbox(BINARY) as sandbox, tempfile.TemporaryDirectory() as home:
        # No systemctl is found, so that nothing is started.
        run = subprocess.run([BINARY, "keep", "--install"], env=environment(sandbox, HOME=home, PATH=home),
                             capture_output=True, text=True)
        assert run.returncode == 1, run
        path = pathlib.Path(home, ".config/systemd/user/waiaas-mcp-keep.service")
        judged = subprocess.run(["systemd-analyze", "--user", "--man=no", "verify", path], capture_output=True, text=True,
                                env={**os.environ, "XDG_RUNTIME_DIR": home})
        assert (judged.returncode, judged.stdout, judged.stderr) == (0, "", ""), judged
        print("unit: systemd-analyze verify has nothing to say")


live_metrics()
unit()
