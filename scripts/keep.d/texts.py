"""The approved texts of `keep`: metrics, the agent of launchd, the task of Windows. Their paths hold everything that needs
quoting. What each has to say is written down here once more, by hand."""

import pathlib
import plistlib
import sys
import xml.etree.ElementTree as ElementTree

from prometheus_client.parser import text_string_to_metric_families

DIRECTORY = pathlib.Path(sys.argv[1])
ODD = "/home/y o u/100% \"real\" $HOME/a'b\\c & <d>/\u00e9"
WORDS = [ODD + "/waiaas-mcp", "keep", "--data-dir", ODD, ""]
NAMES = {
    "waiaas_session_state": "gauge",
    "waiaas_session_expires_timestamp_seconds": "gauge",
    "waiaas_session_renew_timestamp_seconds": "gauge",
    "waiaas_session_last_renewal_timestamp_seconds": "gauge",
    "waiaas_session_renewals": "counter",  # the parser takes `_total` off
    "waiaas_session_renewal_failures": "counter",
    "waiaas_daemon_reachable": "gauge",
}


def metrics(text):
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert {name: family.type for name, family in families.items()} == NAMES, families
    seen = set()
    for family in families.values():
        assert family.documentation, family.name
        for sample in family.samples:
            series = (sample.name, tuple(sorted(sample.labels.items())))
            assert series not in seen, f"twice: {series}"
            seen.add(series)
            assert {"session", "wallet", "file"} <= set(sample.labels), sample
    return families


def approved_metrics():
    families = metrics((DIRECTORY / "metrics.prom").read_text(encoding="utf-8"))
    sessions = {sample.labels["session"] for sample in families["waiaas_session_state"].samples}
    assert sessions == {"s", 'a"b\\c\nd{e="f"} 1 # \u00e9', ""}, sessions
    ends = {sample.labels["file"]: sample.value for sample in families["waiaas_session_expires_timestamp_seconds"].samples}
    assert ends == {"mcp-token": 1795330300.0, "mcp-tokens/w": float("inf")}, ends
    print("metrics: read by prometheus_client")


def agent():
    properties = plistlib.loads((DIRECTORY / "agent.plist").read_bytes())
    assert properties["ProgramArguments"] == WORDS, properties
    assert properties["Label"] == "waiaas-mcp-keep" and properties["RunAtLoad"] is True
    assert properties["StandardErrorPath"] == "/home/you/Library/Logs/a&b.log"
    print("agent: read by plistlib")


# Children of each element in the schema of version 1.2: those that must be there, and whether their order counts.
SCHEMA = {
    "Task": (["Actions"], ["RegistrationInfo", "Triggers", "Settings", "Data", "Principals", "Actions"], False),
    "RegistrationInfo": ([], ["URI", "SecurityDescriptor", "Source", "Date", "Author", "Version", "Description",
                              "Documentation"], False),
    "Triggers": ([], ["LogonTrigger"], False),
    "LogonTrigger": ([], ["Enabled", "StartBoundary", "EndBoundary", "Repetition", "ExecutionTimeLimit", "UserId",
                          "Delay"], True),
    "Principals": (["Principal"], ["Principal"], True),
    "Principal": ([], ["UserId", "LogonType", "GroupId", "DisplayName", "RunLevel"], False),
    "Settings": ([], ["AllowStartOnDemand", "RestartOnFailure", "MultipleInstancesPolicy", "DisallowStartIfOnBatteries",
                      "StopIfGoingOnBatteries", "AllowHardTerminate", "StartWhenAvailable", "NetworkProfileName",
                      "RunOnlyIfNetworkAvailable", "WakeToRun", "Enabled", "Hidden", "DeleteExpiredTaskAfter",
                      "IdleSettings", "NetworkSettings", "ExecutionTimeLimit", "Priority", "RunOnlyIfIdle"], False),
    "RestartOnFailure": (["Interval", "Count"], ["Interval", "Count"], False),
    "Actions": (["Exec"], ["Exec"], True),
    "Exec": (["Command"], ["Command", "Arguments", "WorkingDirectory"], False),
}
VALUES = {
    "LogonType": {"S4U", "Password", "InteractiveToken", "InteractiveTokenOrPassword"},
    "RunLevel": {"LeastPrivilege", "HighestAvailable"},
    "MultipleInstancesPolicy": {"Parallel", "Queue", "IgnoreNew", "StopExisting"},
}
BOOLEANS = {"Enabled", "AllowStartOnDemand", "DisallowStartIfOnBatteries", "StopIfGoingOnBatteries", "AllowHardTerminate",
            "StartWhenAvailable", "RunOnlyIfNetworkAvailable", "WakeToRun", "Hidden", "RunOnlyIfIdle"}
NAMESPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


def follows_schema(element):
    name = element.tag.removeprefix(NAMESPACE)
    assert element.tag.startswith(NAMESPACE), element.tag
    names = [child.tag.removeprefix(NAMESPACE) for child in element]
    if name in SCHEMA:
        required, allowed, is_ordered = SCHEMA[name]
        assert set(required) <= set(names) <= set(allowed), (name, names)
        assert len(set(names)) == len(names), (name, names)
        places = [allowed.index(child) for child in names]
        assert not is_ordered or places == sorted(places), (name, names)
    else:
        assert not names, (name, names)
        text = element.text or ""
        assert name not in VALUES or text in VALUES[name], (name, text)
        assert name not in BOOLEANS or text in {"true", "false"}, (name, text)
    for child in element:
        follows_schema(child)


def taken_apart(line):
    """As CommandLineToArgvW does."""
    words, word, quoted, started, at = [], "", False, False, 0
    while at < len(line):
        backslashes = 0
        while at < len(line) and line[at] == "\\":
            backslashes, at = backslashes + 1, at + 1
        if at < len(line) and line[at] == '"':
            word += "\\" * (backslashes // 2)
            started = True
            if backslashes % 2:
                word += '"'
            else:
                quoted = not quoted
            at += 1
            continue
        word += "\\" * backslashes
        started = started or backslashes > 0
        if at == len(line):
            break
        if line[at] in " \t" and not quoted:
            if started:
                words.append(word)
            word, started = "", False
        else:
            word, started = word + line[at], True
        at += 1
    return words + [word] if started else words


def task():
    text = (DIRECTORY / "task.xml").read_text(encoding="utf-8")
    root = ElementTree.fromstring(text.encode("utf-16"))
    follows_schema(root)
    assert root.get("version") == "1.2"
    actions, principal = root.find(NAMESPACE + "Actions"), root.find(f"{NAMESPACE}Principals/{NAMESPACE}Principal")
    assert actions.get("Context") == principal.get("id"), "the context is one of the principals"
    count = int(root.find(f".//{NAMESPACE}RestartOnFailure/{NAMESPACE}Count").text)
    assert 1 <= count <= 255 and 0 <= int(root.find(f".//{NAMESPACE}Priority").text) <= 10
    run = actions.find(NAMESPACE + "Exec")
    line = f"{run.find(NAMESPACE + 'Command').text} {run.find(NAMESPACE + 'Arguments').text}"
    assert taken_apart(line) == WORDS, taken_apart(line)
    print("task: follows the schema, and every word arrives")


if __name__ == "__main__":
    approved_metrics()
    agent()
    task()
