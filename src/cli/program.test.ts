// Goal: the commands as an operator types them: what they print, change and answer to the shell. Method: the real program against a control
// API that listens on a free port, over a control plane in memory.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ControlApi, openControlApi } from '../../test/compatibility/control-api/control-api.ts'
import { realWorld, type World } from '../base/world.ts'
import { runProgram } from './program.ts'

interface Run {
  readonly code: number
  readonly out: readonly string[]
  readonly err: readonly string[]
}

async function run(args: readonly string[], world: World = realWorld): Promise<Run> {
  const out: string[] = []
  const err: string[] = []
  const output = { stdout: (text: string) => out.push(text), stderr: (text: string) => err.push(text) }
  const code = await runProgram(args, { output, world, colours: false, version: '1.2.3' })
  return { code, out, err }
}

async function listening(control: Readonly<Record<string, unknown>> = {}): Promise<{ api: ControlApi; url: string }> {
  const api = await openControlApi(control)
  const { port } = await api.server.listen()
  return { api, url: `http://127.0.0.1:${port}` }
}

const awsBacklog = { site: 'awsbackend', objects: 12_345, bytes: 3 * 1024 ** 2, failedObjects: 2, failedBytes: 1 }

test('status shows a table, and one JSON object per line with --json', async () => {
  const { api, url } = await listening()
  api.backlogs.push({ ...awsBacklog, oldestAt: api.plane.world.clock.now() - 200_000 })
  await run(['pause', 'azurebackend', '--control', url])
  const { code, out } = await run(['status', '--control', url])
  assert.equal(code, 0)
  assert.deepEqual(out, [
    'LOCATION      STATE     RESUMES  BACKLOG    BYTES  OLDEST  FAILED',
    'awsbackend    resuming  -         12,345  3.0 MiB  3m 20s       2',
    'azurebackend  paused    -              0      0 B       -       0',
  ])
  const json = await run(['--json', 'status', 'awsbackend', '--control', url])
  assert.equal(json.out.length, 1)
  assert.partialDeepStrictEqual(JSON.parse(json.out[0] ?? ''), { name: 'awsbackend', backlog: { objects: 12_345 } })
  await api.close()
})

test('pause and resume act on one location or on all', async () => {
  const { api, url } = await listening()
  assert.deepEqual((await run(['pause', '--why', 'maintenance', '--control', url])).out, [
    'awsbackend: paused',
    'azurebackend: paused',
  ])
  assert.equal((await api.plane.controller.desired('awsbackend')).why, 'maintenance')
  assert.deepEqual((await run(['resume', 'awsbackend', '--control', url])).out, ['awsbackend: resuming'])
  assert.deepEqual((await api.json('GET', '/_/crr/status')).json, { awsbackend: 'enabled', azurebackend: 'disabled' })
  await api.close()
})

test('resume --in, --at and --cancel set and take back the time', async () => {
  const { api, url } = await listening()
  const { world } = api.plane
  await run(['pause', 'awsbackend', '--control', url])
  assert.deepEqual(await run(['resume', '--in', '6h', '--control', url], world), {
    code: 0,
    out: ['awsbackend: paused, resumes at 2030-01-01T06:00:00.000Z'],
    err: ['azurebackend: not paused, nothing to schedule'],
  })
  const at = await run(['resume', 'awsbackend', '--at', '2030-01-02T10:00+02:00', '--control', url], world)
  assert.deepEqual(at.out, ['awsbackend: paused, resumes at 2030-01-02T08:00:00.000Z'])
  const cancelled = await run(['resume', 'awsbackend', '--cancel', '--control', url])
  assert.deepEqual(cancelled.out, ['awsbackend: paused'])
  const running = await run(['resume', 'azurebackend', '--in', '1h', '--control', url], world)
  assert.deepEqual([running.code, running.out.length], [1, 0])
  await api.close()
})

test('pause --wait returns when the last task has ended', async () => {
  const { api, url } = await listening()
  const { gate, processor } = api.plane.addGate('awsbackend')
  await gate.start()
  processor.inFlight = 2
  let waits = 0
  // The command's waiting is what lets the plane's time pass; the third time the tasks end.
  const timers: World['timers'] = {
    ...realWorld.timers,
    after(_delayMs, then) {
      waits += 1
      if (waits === 3) processor.inFlight = 0
      void api.plane.world.advance(200).then(then)
      return { cancel: () => undefined }
    },
  }
  const { code, out } = await run(['pause', 'awsbackend', '--wait', '--control', url], { ...realWorld, timers })
  assert.deepEqual([code, out], [0, ['awsbackend: paused']])
  assert.ok(waits >= 3)
  await api.close()
})

test('mistakes are answered in one line, with the nearest name and exit code 1', async () => {
  const { api, url } = await listening()
  const mistakes: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [['statsu'], /unknown command 'statsu'.*status/],
    [['status', '--jsn'], /unknown option '--jsn'.*--json/],
    [['pause', 'awsbackand', '--control', url], /unknown location "awsbackand".*did you mean awsbackend/],
    [['resume', '--in', 'soon', '--control', url], /--in "soon" is no duration/],
    [['resume', '--in', '8761h', '--control', url], /8760h/],
    [['resume', '--in', '0s', '--control', url], /--in/],
    [['resume', '--at', 'yesterday', '--control', url], /--at "yesterday" is no time/],
    [['resume', '--at', '2001-01-01', '--control', url], /in the future/],
    [['resume', '--in', '1h', '--cancel'], /cannot be used with/],
    [['pause', 'a', 'b'], /too many arguments/],
    [['start'], /--config/],
    [['status', '--control', 'nowhere'], /no URL/],
    [['status', '--config', '/does/not/exist.yaml'], /cannot be used/],
  ]
  for (const [args, message] of mistakes) {
    const { code, out, err } = await run(args)
    assert.deepEqual([code, out, err.length], [1, [], 1], args.join(' '))
    assert.match(err[0] ?? '', message)
    assert.ok(!err[0]?.includes('\n'))
  }
  await api.close()
})

test('a control API that cannot be reached is exit code 3', async () => {
  const { api, url } = await listening()
  await api.close()
  const { code, err } = await run(['status', '--control', url])
  assert.equal(code, 3)
  assert.match(err.join('\n'), /does not answer.*ECONNREFUSED/)
})

test('the token comes from the command line or from the configuration file', async () => {
  const { api, url } = await listening({ token: 'correct-horse-battery' })
  const without = await run(['status', '--control', url])
  assert.equal(without.code, 1)
  assert.match(without.err.join(), /--token/)
  assert.equal((await run(['status', '--control', url, '--token', 'correct-horse-battery'])).code, 0)
  const folder = mkdtempSync(join(tmpdir(), 'crossbeat-cli-'))
  const file = join(folder, 'crossbeat.yaml')
  writeFileSync(
    file,
    `dataDir: ./data
control: {listen: "${new URL(url).host}", token: correct-horse-battery}
locations: {us-east-1: {type: file, objectId: us-east-1, legacyAwsBehavior: false, details: {}}}
`,
  )
  assert.deepEqual((await run(['status', '--config', file])).code, 0)
  rmSync(folder, { recursive: true })
  await api.close()
})

test('help and version are no mistakes', async () => {
  assert.deepEqual(await run(['--version']), { code: 0, out: ['1.2.3'], err: [] })
  for (const args of [['--help'], ['pause', '--help'], ['help', 'resume'], ['config', 'import', '--help']]) {
    const { code, out } = await run(args)
    assert.equal(code, 0)
    assert.match(out.join('\n'), /Examples:/)
  }
})

test('what answers JSON but is no Crossbeat is told as such', async () => {
  const bodies = ['{}', '[]', 'null', '"x"', '{"locations":{}}', '{"locations":[1]}', '{"locations":[{"name":"a"}]}']
  const server = createServer((_request, response) => response.end(bodies.shift()))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const url = `http://127.0.0.1:${address.port}`
  while (bodies.length > 0) {
    const { code, err } = await run(['status', '--control', url])
    assert.equal(code, 3)
    assert.match(err.join(), /no Crossbeat control API/)
  }
  server.closeAllConnections()
  server.close()
})
