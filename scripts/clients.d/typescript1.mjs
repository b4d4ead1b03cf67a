// The official TypeScript SDK 1.x over stdio: the handshake only. Arguments: legacy COMMAND ARGUMENT…
import assert from 'node:assert/strict'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { all } from './checks.mjs'

const [era, command, ...args] = process.argv.slice(2)
assert.equal(era, 'legacy')
const client = new Client({ name: 'typescript1', version: '0' })
await client.connect(new StdioClientTransport({ command, args }))
await client.ping()
await all(client)
await client.close()
