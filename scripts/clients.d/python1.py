"""The official Python SDK 1.x over stdio: the handshake only. Arguments: legacy COMMAND ARGUMENT…"""

import sys

import anyio
import checks
from mcp import ClientSession, StdioServerParameters, stdio_client
from pydantic import AnyUrl


async def main(era, command):
    assert era == "legacy", era
    server = StdioServerParameters(command=command[0], args=command[1:])
    async with stdio_client(server) as streams, ClientSession(*streams) as session:
        greeting = await session.initialize()
        checks.server(greeting.serverInfo.name, greeting.protocolVersion, "legacy")
        await session.send_ping()
        checks.tools([tool.name for tool in (await session.list_tools()).tools])

        async def balance():
            result = await session.call_tool("get_balance", {"network": checks.NETWORK})
            checks.balance(result.content[0].text, result.isError)

        async with anyio.create_task_group() as group:
            for _ in range(checks.CALLS_AT_ONCE):
                group.start_soon(balance)
        wrong = await session.call_tool("get_tokens", {})
        checks.wrong_argument(wrong.content[0].text, wrong.isError)
        listed = [str(resource.uri) for resource in (await session.list_resources()).resources]
        templates = [t.uriTemplate for t in (await session.list_resource_templates()).resourceTemplates]
        checks.resources(listed, templates)
        checks.skill((await session.read_resource(AnyUrl(checks.SKILL))).contents[0].text)
        checks.status((await session.read_resource(AnyUrl(checks.STATUS))).contents[0].text)


anyio.run(main, sys.argv[1], sys.argv[2:])
