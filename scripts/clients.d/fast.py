"""FastMCP's client over stdio. Arguments: legacy|auto|pinned COMMAND ARGUMENT…"""

import asyncio
import sys

import checks
from fastmcp import Client
from fastmcp.client.transports import StdioTransport


async def main(era, command):
    mode = {"legacy": "legacy", "auto": "auto", "pinned": "2026-07-28"}[era]
    transport = StdioTransport(command=command[0], args=command[1:], keep_alive=False)
    async with Client(transport, mode=mode) as client:
        if era != "pinned":
            version = "legacy" if era == "legacy" else "modern"
            checks.server(client.server_info.name, client.protocol_version, version)
        checks.tools([tool.name for tool in await client.list_tools()])

        async def balance():
            result = await client.call_tool("get_balance", {"network": checks.NETWORK})
            checks.balance(result.content[0].text, result.is_error)

        await asyncio.gather(*(balance() for _ in range(checks.CALLS_AT_ONCE)))
        wrong = await client.call_tool("get_tokens", {}, raise_on_error=False)
        checks.wrong_argument(wrong.content[0].text, wrong.is_error)
        listed = [str(resource.uri) for resource in await client.list_resources()]
        templates = [template.uri_template for template in await client.list_resource_templates()]
        checks.resources(listed, templates)
        checks.skill((await client.read_resource(checks.SKILL))[0].text)
        checks.status((await client.read_resource(checks.STATUS))[0].text)


asyncio.run(main(sys.argv[1], sys.argv[2:]))
