"""What every client of these must find, for the clients in Python: each call takes a plain value and fails if it is wrong."""

import json

TOOLS = 128
TEMPLATE = "waiaas://skills/{name}"
SKILL = "waiaas://skills/quickstart"
STATUS = "waiaas://session/status"
NETWORK = "ethereum-sepolia"
CALLS_AT_ONCE = 20


def server(name, version, era_version):
    assert name == "waiaas-sandbox", name
    assert (version >= "2026") == (era_version == "modern"), (version, era_version)


def tools(names):
    assert len(names) == TOOLS and len(set(names)) == TOOLS, len(names)
    assert "get_balance" in names and any(name.startswith("action_") for name in names)


def balance(text, is_error):
    body = json.loads(text)
    assert not is_error, text
    assert body["balance"].isdigit() and body["network"] == NETWORK and body["chain"] == "ethereum", text


def wrong_argument(text, is_error):
    assert is_error and "`network`" in text and "got nothing" in text, text


def resources(uris, templates):
    assert STATUS in uris and "waiaas://wallet/balance" in uris and SKILL in uris, uris
    assert templates == [TEMPLATE], templates


def skill(text):
    assert "# Quickstart" in text, text


def status(text):
    body = json.loads(text)
    assert body["state"] == "active" and isinstance(body["expiresAt"], int), text
