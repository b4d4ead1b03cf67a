// The official TypeScript client 2.x over stdio. Arguments: legacy|auto|pinned COMMAND ARGUMENT…
import assert from 'node:assert/strict'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { all } from './checks.mjs'

const [era, command, ...args] = process.argv.slice(2)
const mode = era === 'pinned' ? { pin: '2026-07-28' } : era
const client = new Client({ name: 'typescript2', version: '0' }, { versionNegotiation: { mode } })
await client.connect(new StdioClientTransport({ command, args }))
assert.equal(client.getNegotiatedProtocolVersion(), era === 'legacy' ? '2025-11-25' : '2026-07-28')
await all(client)
await client.close()
