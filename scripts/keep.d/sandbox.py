"""A sandbox daemon for the judges of `keep`: its process, and what an operator does to it."""

import json
import subprocess
import tempfile
import urllib.request


class Sandbox:
    def __init__(self, binary):
        self.directory = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [binary, "sandbox", "--ttl", "3600", "--data-dir", self.directory.name],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={"HOME": "/nonexistent"})
        place = json.loads(self.process.stdout.readline())
        self.url, self.password = place["baseUrl"], place["masterPassword"]

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"X-Master-Password": self.password, "Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def control(self, **commands):
        return self.ask("POST", "/sandbox/control", commands)

    def session(self, ttl, age):
        """A session whose first token is so old already."""
        self.control(clockOffsetSeconds=-age)
        issued = self.control(newSession={"ttl": ttl})["newSession"]
        self.control(clockOffsetSeconds=0)
        return issued

    def renewals(self):
        return self.ask("GET", "/sandbox/ledger")["renewalsGranted"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()
