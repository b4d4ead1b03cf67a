// What every client of these must find, for the clients in JavaScript: the same as checks.py.
import assert from 'node:assert/strict'

const TOOLS = 128
const NETWORK = 'ethereum-sepolia'
const SKILL = 'waiaas://skills/quickstart'
const STATUS = 'waiaas://session/status'
const CALLS_AT_ONCE = 20

export function tools({ tools }) {
  const names = new Set(tools.map(tool => tool.name))
  assert.equal(tools.length, TOOLS)
  assert.equal(names.size, TOOLS)
  assert(names.has('get_balance') && [...names].some(name => name.startsWith('action_')))
}

export function balance(result) {
  assert(!result.isError, result.content[0].text)
  const body = JSON.parse(result.content[0].text)
  assert.match(body.balance, /^\d+$/)
  assert.equal(body.network, NETWORK)
  assert.equal(body.chain, 'ethereum')
}

export function wrongArgument(result) {
  assert.equal(result.isError, true)
  assert.match(result.content[0].text, /`network`.*got nothing/)
}

export function resources({ resources }) {
  const uris = resources.map(resource => resource.uri)
  for (const uri of [STATUS, SKILL, 'waiaas://wallet/balance']) assert(uris.includes(uri), uri)
}

export function templates({ resourceTemplates }) {
  assert.deepEqual(resourceTemplates.map(template => template.uriTemplate), ['waiaas://skills/{name}'])
}

export function skill(result) {
  assert.match(result.contents[0].text, /# Quickstart/)
}

export function status(result) {
  const body = JSON.parse(result.contents[0].text)
  assert.equal(body.state, 'active')
  assert(Number.isInteger(body.expiresAt))
}

// Everything that a connected client of either TypeScript SDK does.
export async function all(client) {
  assert.equal(client.getServerVersion().name, 'waiaas-sandbox')
  tools(await client.listTools())
  const call = () => client.callTool({ name: 'get_balance', arguments: { network: NETWORK } })
  for (const result of await Promise.all(Array.from({ length: CALLS_AT_ONCE }, call))) balance(result)
  wrongArgument(await client.callTool({ name: 'get_tokens', arguments: {} }))
  resources(await client.listResources())
  templates(await client.listResourceTemplates())
  skill(await client.readResource({ uri: SKILL }))
  status(await client.readResource({ uri: STATUS }))
}
