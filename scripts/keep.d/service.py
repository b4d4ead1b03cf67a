"""The service under a real user manager of systemd: installed, renewing, surviving a kill, taken away. The manager runs in
a mount namespace with a /run of its own, so that the machine's own is not touched."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from sandbox import Sandbox

TIME_MAX = 60


def until(what, is_so):
    limit = time.monotonic() + TIME_MAX
    while not is_so():
        assert time.monotonic() < limit, f"not so within {TIME_MAX} s: {what}"
        time.sleep(0.1)


def inside(binary, user):
    """In the namespace."""
    run_as = [] if user == 0 else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    pathlib.Path("/run/systemd/system").mkdir(parents=True)
    runtime = pathlib.Path(f"/run/user/{user}")
    runtime.mkdir(parents=True, mode=0o700)
    os.chown(runtime, user, user)
    for hierarchy in ("systemd", "unified", ""):
        group = pathlib.Path("/sys/fs/cgroup", hierarchy, f"keep-judges-{user}")
        try:
            group.mkdir(exist_ok=True)
            for path in [group, *group.iterdir()]:
                os.chown(path, user, user)
            (group / "cgroup.procs").write_text(str(os.getpid()))
        except OSError:
            pass
    with tempfile.TemporaryDirectory() as base, Sandbox(binary) as sandbox:
        os.chmod(base, 0o755)
        home = pathlib.Path(base, "y o u 100% $HOME \"q\" a'b")
        data = home / "da ta\\x"
        data.mkdir(parents=True, mode=0o700)
        program, metrics = home / "waiaas-mcp", home / "metrics" / "waiaas.prom"
        metrics.parent.mkdir()
        shutil.copy(binary, program)
        token = data / "mcp-token"
        token.write_text(sandbox.session(20, 6)["token"])
        for path in [home, *home.rglob("*")]:
            os.chown(path, user, user)
        environment = {"HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), "PATH": os.environ["PATH"]}

        def run(*words, code=0):
            done = subprocess.run([*run_as, *words], env=environment, capture_output=True, text=True, timeout=120)
            assert code is None or done.returncode == code, done
            return done

        manager = subprocess.Popen([*run_as, "/lib/systemd/systemd", "--user", "--log-target=null"], env=environment)
        systemctl = lambda *words, code=None: run("systemctl", "--user", *words, code=code)
        until("the manager runs", lambda: systemctl("is-system-running").stdout.strip() in ("running", "degraded"))
        keep = (str(program), "keep")
        options = ("--data-dir", str(data), "--base-url", sandbox.url, "--metrics", str(metrics))
        keeper = lambda: json.loads(run(str(program), "status", "--json", *options[:4], code=None).stdout)["keeper"]

        run(*keep, "--install", *options)
        systemctl("is-active", "--quiet", "waiaas-mcp-keep.service", code=0)
        systemctl("is-enabled", "--quiet", "waiaas-mcp-keep.service", code=0)
        first = keeper()
        assert first["atWork"] is True, first
        until("it renews, and may write where it must", lambda: sandbox.renewals() >= 1 and metrics.exists())
        assert token.stat().st_uid == user and token.stat().st_mode & 0o777 == 0o600
        status = systemctl("show", "--property=StatusText", "waiaas-mcp-keep.service").stdout
        assert "keeping 1 token file; next renewal at 20" in status, status

        again = run(*keep, "--install", *options)
        assert again.stdout.startswith("Unchanged: "), again
        assert keeper()["pid"] == first["pid"], "an unchanged service is left in peace"

        os.kill(first["pid"], 9)
        until("systemd starts it again", lambda: keeper()["atWork"] and keeper()["pid"] != first["pid"])

        # Another directory in the place of the data directory: the service starts anew, and may write there.
        data.rename(home / "old")
        data.mkdir(mode=0o700)
        os.chown(data, user, user)
        before = sandbox.renewals()
        token.write_text(sandbox.session(60, 40)["token"])
        os.chown(token, user, user)
        until("it keeps the new directory", lambda: sandbox.renewals() > before and keeper()["atWork"])

        run(*keep, "--uninstall")
        assert keeper()["atWork"] is False
        run(*keep, "--uninstall")
        assert not list((home / ".config/systemd/user").rglob("waiaas-mcp-keep*"))
        manager.terminate()
        manager.wait(20)
    print(f"service: installed, run and taken away under a user manager, as user {user}")


if len(sys.argv) == 3:
    outside = subprocess.run(["unshare", "--mount", sys.executable, *sys.argv, "inside"])
    for hierarchy in ("systemd", "unified", ""):
        group = pathlib.Path("/sys/fs/cgroup", hierarchy, f"keep-judges-{sys.argv[2]}")
        for directory, _, _ in os.walk(group, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                pass
    sys.exit(outside.returncode)
inside(sys.argv[1], int(sys.argv[2]))
