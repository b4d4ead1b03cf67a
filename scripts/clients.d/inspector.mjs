// The Inspector's command line: one process and one server for each question.
// Arguments: legacy|auto|modern COMMAND ARGUMENT…; the Inspector's launcher is the environment's INSPECTOR.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import * as checks from './checks.mjs'

const [era, watched, record, ...server] = process.argv.slice(2)

function ask(...question) {
  const told = ['--protocol-era', era, '--format', 'json', '--quiet', ...question]
  const run = spawnSync(process.execPath, [process.env.INSPECTOR, '--cli', watched, record, ...server, ...told], { encoding: 'utf8' })
  assert(run.status === 0 || question.includes('get_tokens'), `${question}: ${run.stdout}${run.stderr}`)
  // The server may end after its client.
  for (let look = 0; look < 200; look++) {
    try {
      assert.match(readFileSync(record, 'utf8'), /^exit 0\n$/m, `${question}: the server's end`)
      break
    } catch (error) {
      if (error.code !== 'ENOENT' || look === 199) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
    }
  }
  if (question.at(-1) !== 'waiaas://session/status') rmSync(record)
  const answer = JSON.parse(run.stdout)
  return answer.result ?? answer
}

checks.tools(ask('--method', 'tools/list'))
checks.balance(ask('--method', 'tools/call', '--tool-name', 'get_balance', '--tool-arg', 'network=ethereum-sepolia'))
checks.wrongArgument(ask('--method', 'tools/call', '--tool-name', 'get_tokens'))
checks.resources(ask('--method', 'resources/list'))
checks.templates(ask('--method', 'resources/templates/list'))
checks.skill(ask('--method', 'resources/read', '--uri', 'waiaas://skills/quickstart'))
checks.status(ask('--method', 'resources/read', '--uri', 'waiaas://session/status'))
