"""Every result and every notification of the server, in every revision, held to the models that the Python SDK generates
from the specification's own schema. What a model does not know is an error here, although clients would ignore it.

Arguments: shapes COMMAND ARGUMENT…
"""

import json
import subprocess
import sys

import checks
from mcp_types.methods import CLIENT_REQUESTS, SERVER_NOTIFICATIONS, SERVER_RESULTS
from pydantic import TypeAdapter

# What is left when stdin has ended; the server waits two seconds at most for calls.
SECONDS_MAX = 10
MODERN = "2026-07-28"
VERSIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", MODERN]
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "shapes", "version": "0"},
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/logLevel": "debug",
}
INITIALIZE = {"capabilities": {}, "clientInfo": {"name": "shapes", "version": "0"}}
BALANCE = {"name": "get_balance", "arguments": {"network": checks.NETWORK}}
COMPLETE = {"ref": {"type": "ref/resource", "uri": checks.TEMPLATE}, "argument": {"name": "name", "value": "q"}}

# The method, its parameters, and whether it must be an error: -32601 where the revision has no such method.
REQUESTS = [
    ("initialize", INITIALIZE, None),
    ("server/discover", {}, None),
    ("ping", {}, None),
    ("logging/setLevel", {"level": "debug"}, None),
    ("tools/list", {}, None),
    ("tools/call", BALANCE, None),
    ("tools/call", {**BALANCE, "_meta": {"progressToken": 1}}, None),
    ("tools/call", {"name": "get_balance", "arguments": {"network": 7}}, None),
    ("tools/call", {"name": "no_such_tool"}, -32602),
    ("resources/list", {}, None),
    ("resources/templates/list", {}, None),
    *(("resources/read", {"uri": uri}, None) for uri in (checks.STATUS, checks.SKILL, "waiaas://wallet/balance")),
    ("resources/subscribe", {"uri": checks.STATUS}, None),
    ("resources/unsubscribe", {"uri": checks.STATUS}, None),
    ("completion/complete", COMPLETE, None),
    ("no/such/method", {}, -32601),
]
# Of the modern era only.
LISTEN = ("subscriptions/listen", {"notifications": {"toolsListChanged": True, "resourceSubscriptions": [checks.STATUS]}})


def conversation(version):
    """The requests by id, and what is sent."""
    asked, lines = {}, []
    for method, params, code in REQUESTS:
        known = (method, version) in CLIENT_REQUESTS
        if not known and method in ("initialize", "server/discover"):
            continue
        params = {**params, "_meta": {**META, **params.get("_meta", {})}} if version == MODERN else params
        if method == "initialize":
            params = {**params, "protocolVersion": version}
        identifier = len(asked) + 1
        asked[identifier] = (method, code if known else -32601)
        lines.append({"jsonrpc": "2.0", "id": identifier, "method": method, "params": params})
        if method == "initialize":
            lines.append({"jsonrpc": "2.0", "method": "notifications/initialized"})
    if version == MODERN:
        lines.append({"jsonrpc": "2.0", "id": "listen", "method": LISTEN[0], "params": {**LISTEN[1], "_meta": META}})
        asked["listen"] = (LISTEN[0], None)
    return asked, "".join(json.dumps(line) + "\n" for line in lines)


def hold_to(model, value, what):
    seen = TypeAdapter(model).validate_python(value).model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert seen == value, f"{what}: unknown to the schema: {unknown(value, seen)}"


def unknown(value, seen, path="$"):
    """Where the two differ first."""
    if isinstance(value, dict) and isinstance(seen, dict):
        for key in value:
            if key not in seen:
                return f"{path}.{key}"
            if value[key] != seen[key]:
                return unknown(value[key], seen[key], f"{path}.{key}")
    if isinstance(value, list) and isinstance(seen, list):
        for at, (one, other) in enumerate(zip(value, seen)):
            if one != other:
                return unknown(one, other, f"{path}[{at}]")
    return f"{path}: {value!r} became {seen!r}"


def judge(message, version, asked):
    """Holds one message to its model; the method of a notification."""
    if "method" in message:
        hold_to(SERVER_NOTIFICATIONS[(message["method"], version)], message, message["method"])
        return message["method"]
    method, code = asked.pop(message["id"])
    if code is not None or "error" in message:
        error = message["error"]
        assert error["code"] == code and error["message"] and error.keys() <= {"code", "message", "data"}, f"{method}: {error}"
    else:
        hold_to(SERVER_RESULTS[(method, version)], message["result"], method)
    return None


def play(version, command):
    asked, lines = conversation(version)
    count = len(asked)
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    server.stdin.write(lines)
    server.stdin.flush()
    told = set()
    # A subscription is answered when it ends.
    while asked.keys() - {"listen"}:
        told.add(judge(json.loads(server.stdout.readline()), version, asked))
    rest, _ = server.communicate(timeout=SECONDS_MAX)
    told.update(judge(json.loads(line), version, asked) for line in rest.splitlines())
    assert server.returncode == 0 and not asked, f"exit {server.returncode}, no answer: {asked}"
    print(f"{version}: {count} requests, notifications {sorted(told - {None})}")
    assert "notifications/message" in told, "a log message was asked for"


assert sys.argv[1] == "shapes"
for each in VERSIONS:
    play(each, sys.argv[2:])
