"""The official Python SDK 2.x over stdio. Arguments: legacy|auto|pinned COMMAND ARGUMENT…"""

import sys

import anyio
import checks
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client


async def main(era, command):
    mode = {"legacy": "legacy", "auto": "auto", "pinned": "2026-07-28"}[era]
    server = StdioServerParameters(command=command[0], args=command[1:])
    async with Client(stdio_client(server), mode=mode) as client:
        if era != "pinned":  # a pinned version is not asked for, so the server has not said its name
            version = "legacy" if era == "legacy" else "modern"
            checks.server(client.server_info.name, client.protocol_version, version)
        checks.tools([tool.name for tool in (await client.list_tools()).tools])

        async def balance():
            result = await client.call_tool("get_balance", {"network": checks.NETWORK})
            checks.balance(result.content[0].text, result.is_error)

        async with anyio.create_task_group() as group:
            for _ in range(checks.CALLS_AT_ONCE):
                group.start_soon(balance)
        wrong = await client.call_tool("get_tokens", {})
        checks.wrong_argument(wrong.content[0].text, wrong.is_error)
        listed = [str(resource.uri) for resource in (await client.list_resources()).resources]
        templates = [t.uri_template for t in (await client.list_resource_templates()).resource_templates]
        checks.resources(listed, templates)
        checks.skill((await client.read_resource(checks.SKILL)).contents[0].text)
        checks.status((await client.read_resource(checks.STATUS)).contents[0].text)


anyio.run(main, sys.argv[1], sys.argv[2:])
