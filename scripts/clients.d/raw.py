"""Bytes as no SDK sends them: each sequence is played to a server of its own, which must answer as written and exit 0.

Arguments: raw COMMAND ARGUMENT…

A sequence is what is sent before the end of input, and the answers, in any order, as `ID what`: a protocol version, a
member of the result, or an error's code. `-` is an answer without an id. Notifications are left out.
"""

import json
import subprocess
import sys
import time

# All answers and the end. A server takes a tenth of a second; the rest is for a loaded machine.
EXIT_SECONDS_MAX = 2.5
MODERN = "2026-07-28"
HANDSHAKE = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}


def request(id, method, **params):
    message = {"jsonrpc": "2.0", "id": id, "method": method}
    if params:
        message["params"] = params
    return json.dumps(message)


def initialize(version, id=1):
    client = {"name": "raw", "version": "0"}
    return request(id, "initialize", protocolVersion=version, capabilities={}, clientInfo=client)


def modern(id, method, **params):
    return request(id, method, _meta=META, **params)


def claims(id, method, **meta):
    return request(id, method, _meta={f"io.modelcontextprotocol/{name}": value for name, value in meta.items()})


DISCOVER = modern(1, "server/discover")
PING = request(2, "ping")
LIST = request(3, "tools/list")
INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}'
BALANCE = request(4, "tools/call", name="get_balance", arguments={"network": "ethereum-sepolia"})
BATCH = f"[{PING},{LIST},{INITIALIZED},{request(5, 'no/such')}]"
HUGE = request(1, "ping", padding="x" * 2_000_000)
TOO_LONG = request(1, "ping", padding="x" * 5_000_000)

# Name, what is sent (a list: lines), what must come.
SEQUENCES = [
    *((f"initialize {v}", [initialize(v), INITIALIZED, PING, LIST], [f"1 {v}", "2 {}", "3 tools"]) for v in HANDSHAKE),
    ("initialize 2024-10-07", [initialize("2024-10-07")], ["1 2024-11-05"]),
    ("initialize with the modern version", [initialize(MODERN)], ["1 2025-11-25"]),
    ("initialize from the future", [initialize("2099-01-01")], ["1 2025-11-25"]),
    ("initialize with no version at all", [request(1, "initialize"), PING], ["1 any", "2 {}"]),
    ("initialize twice", [initialize("2024-11-05"), initialize("2025-11-25", 9)], ["1 2024-11-05", "9 2025-11-25"]),
    ("ping before anything", [PING], ["2 {}"]),
    ("a list before anything", [LIST], ["3 tools"]),
    ("a call before anything, and the end of input", [BALANCE], ["4 content"]),
    ("discover", [DISCOVER], ["1 supportedVersions"]),
    ("discover, then initialize", [DISCOVER, initialize("2025-11-25", 6), LIST], ["1 supportedVersions", "6 2025-11-25", "3 tools"]),
    ("initialize, then discover", [initialize("2025-11-25"), modern(6, "server/discover"), BALANCE], ["1 2025-11-25", "6 supportedVersions", "4 content"]),
    ("discover without _meta", [request(1, "server/discover"), PING], ["1 -32602", "2 {}"]),
    ("a version nobody knows", [claims(1, "tools/list", protocolVersion="1900-01-01", clientCapabilities={})], ["1 -32022"]),
    ("half a modern claim", [claims(1, "tools/list", protocolVersion=MODERN)], ["1 -32602"]),
    ("methods that are gone", [modern(1, "ping"), modern(2, "logging/setLevel", level="info")], ["1 -32601", "2 -32601"]),
    ("both eras by turns", [modern(1, "tools/list"), LIST, modern(5, "resources/list")], ["1 tools", "3 tools", "5 resources"]),
    ("an unknown method first", [request(1, "no/such/method"), PING], ["1 -32601", "2 {}"]),
    ("a notification nobody knows", ['{"jsonrpc":"2.0","method":"notifications/odd"}', PING], ["2 {}"]),
    ("an answer to no question", ['{"jsonrpc":"2.0","id":7,"result":{}}', PING], ["2 {}"]),
    ("garbage", ["hello", "{", "\x00", '{"a":1', PING], ["- -32700"] * 4 + ["2 {}"]),
    ("bytes that are not UTF-8", [b"\xff\xfe{}", PING], ["- -32700", "2 {}"]),
    ("JSON that is no request", ["7", "{}", '"x"', "null", PING], ["- -32600"] * 4 + ["2 {}"]),
    ("ids that are none", [request(None, "ping"), request(1.5, "ping"), request([1], "ping")], ["- -32600"] * 3),
    ("ids of every form", [request("a\u00e9\n", "ping"), request(-7, "ping"), request(2**80, "ping"), request("", "ping")],
     ['"a\\u00e9\\n" {}', "-7 {}", f"{2**80} {{}}", '"" {}']),
    ("a batch where it is allowed", [initialize("2025-03-26"), BATCH], ["1 2025-03-26", "2 {}", "3 tools", "5 -32601"]),
    ("a batch where it is not", [initialize("2025-11-25"), BATCH, PING], ["1 2025-11-25", "- -32600", "2 {}"]),
    ("carriage returns, blank lines, spaces, a byte order mark",
     ["\ufeff" + PING + "\r", "", " \t\r", "  " + LIST], ["2 {}", "3 tools"]),
    ("no newline at the end", (PING + "\n" + LIST).encode(), ["2 {}", "3 tools"]),
    ("half a line at the end", (PING + "\n" + LIST[:-1]).encode(), ["2 {}", "- -32700"]),
    ("a line of 2 MB", [HUGE, PING], ["1 {}", "2 {}"]),
    ("a line of 5 MB", [TOO_LONG, PING], ["- -32700", "2 {}"]),
    ("nesting of 100 000", ['{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":' + "[" * 100_000 + "]" * 100_000 + "}}", PING],
     ["1 {}", "2 {}"]),
    ("nothing at all", b"", []),
    ("only blank lines", ["", "", ""], []),
]


def told(message):
    id = json.dumps(message["id"]) if "id" in message else "-"
    if "error" in message:
        return f"{id} {message['error']['code']}"
    result = message["result"]
    if not result or result.keys() <= {"resultType", "_meta"}:
        return f"{id} {{}}"
    names = ["protocolVersion", "tools", "content", "supportedVersions", "resources"]
    name = next(name for name in names if name in result)
    return f"{id} {result[name] if name == 'protocolVersion' else name}"


def play(command, sent):
    if isinstance(sent, list):
        sent = b"".join(line if isinstance(line, bytes) else line.encode() for line in (part for each in sent for part in (each, "\n")))
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    since = time.monotonic()
    try:
        output, _ = server.communicate(sent, timeout=EXIT_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        server.kill()
        raise AssertionError("the server did not end")
    took = time.monotonic() - since
    lines = output.decode().split("\n")
    assert lines.pop() == "", "the last line has no newline"
    messages = [json.loads(line) for line in lines]
    messages = [one for message in messages for one in (message if isinstance(message, list) else [message])]
    assert all(message["jsonrpc"] == "2.0" for message in messages)
    assert server.returncode == 0, f"exit {server.returncode}"
    return [told(message) for message in messages if "method" not in message], took


def main(command):
    failed, slowest = 0, 0.0
    for name, sent, expected in SEQUENCES:
        try:
            heard, took = play(command, sent)
            slowest = max(slowest, took)
            wrong = sorted(heard) != sorted(expected) and not ("1 any" in expected and len(heard) == len(expected))
            assert not wrong, f"expected {expected}, heard {heard}"
        except Exception as error:
            failed += 1
            print(f"{name}: {error!r}")
    print(f"{len(SEQUENCES) - failed} of {len(SEQUENCES)} sequences; the longest took {slowest:.2f} s")
    sys.exit(1 if failed else 0)


assert sys.argv[1] == "raw"
main(sys.argv[2:])
