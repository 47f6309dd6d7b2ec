// Goal: a paused destination gets nothing while the other goes on, its backlog is exact and survives restarts, and after the resume the versions of
// each key arrive in their order; the commands say all this as an operator reads it. Method: real servers, the command line as a process, a proxy
// before Azurite that notes the order of what arrives.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { type DestinationProxy, openDestinationProxy } from '../faults/destination-proxy.ts'
import { runCli } from '../process/cli.ts'
import { azureServer, s3Server } from '../services/available.ts'
import { eventually } from '../until.ts'
import {
  drained,
  inParallel,
  openTwoClouds,
  quickRetries,
  replicatedBucket,
  statusOf,
  type TwoClouds,
  untilStatus,
  versionsIn,
} from './two-clouds.ts'

const bucket = 'paused'
const keyCount = 250

const s3 = await s3Server()
const azure = await azureServer()
const skip = s3.skip || azure.skip
let clouds: TwoClouds
let proxy: DestinationProxy

before(async () => {
  if (skip) return
  clouds = await openTwoClouds(
    { s3: s3.get(), azure: azure.get() },
    {
      replication: quickRetries,
      async route(there) {
        const url = new URL(there.azure.endpoint)
        proxy = await openDestinationProxy(url.host)
        return { s3: there.s3, azure: { ...there.azure, endpoint: `http://${proxy.address}${url.pathname}` } }
      },
    },
  )
  await replicatedBucket(clouds.source, bucket)
})

after(async () => {
  await clouds?.close()
  await proxy?.close()
  await s3.stop()
  await azure.stop()
})

function crossbeat(...args: readonly string[]): ReturnType<typeof runCli> {
  return runCli([...args, '--control', `http://${clouds.crossbeat.control}`])
}

interface Shown {
  readonly name: string
  readonly state: string
  readonly inFlight: number
  readonly desired: { readonly paused: boolean; readonly resumeAt: string | null; readonly why: string }
  readonly backlog: { readonly objects: number; readonly bytes: number; readonly oldestAgeSeconds: number }
  readonly failed: { readonly objects: number }
}

async function shown(...args: readonly string[]): Promise<readonly Shown[]> {
  const { code, stdout, stderr } = await crossbeat(...args, '--json')
  assert.deepEqual([code, stderr], [0, ''])
  return stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Shown)
}

async function azureShown(): Promise<Shown> {
  const [state] = await shown('status', 'azurebackend')
  assert.ok(state !== undefined)
  return state
}

/** Source versions in the order in which they were put. */
const put: { readonly key: string; readonly versionId: string }[] = []

test('pause --wait returns when nothing is in flight', { skip }, async () => {
  const paused = await crossbeat('pause', 'azurebackend', '--wait', '--why', 'maintenance')
  assert.deepEqual(paused, { code: 0, stdout: 'azurebackend: paused\n', stderr: '' })
  const state = await azureShown()
  assert.deepEqual([state.state, state.inFlight, state.desired.why], ['paused', 0, 'maintenance'])
})

test('500 versions put meanwhile complete at the other site and wait at this one', { skip }, async () => {
  const keys = Array.from({ length: keyCount }, (_, index) => `k/${index}`)
  for (const round of [1, 2]) {
    await inParallel(keys, 8, async key => {
      const Body = `${key} in round ${round}`
      const answer = await clouds.source.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body }))
      put.push({ key, versionId: answer.VersionId ?? '' })
    })
  }
  await clouds.crossbeat.drained('awsbackend', 50)
  assert.equal(await clouds.crossbeat.backlog('azurebackend'), 2 * keyCount)
  const status = await untilStatus(clouds.source, bucket, 'k/7', 'PROCESSING')
  assert.deepEqual(status.sites, { awsbackend: 'COMPLETED', azurebackend: 'PENDING' })
  await checkAllProcessing()
  assert.equal(proxy.passages.filter(({ method }) => method === 'PUT').length, 0, 'a paused site got something')
})

async function checkAllProcessing(): Promise<void> {
  await inParallel(put, 16, async ({ key, versionId }) => {
    const { overall } = await statusOf(clouds.source, bucket, key, versionId)
    assert.equal(overall, 'PROCESSING', key)
  })
}

test('status shows the backlog in a table and as JSON', { skip }, async () => {
  const { code, stdout, stderr } = await crossbeat('status')
  assert.deepEqual([code, stderr], [0, ''])
  const [head = '', aws = '', az = ''] = stdout.split('\n')
  assert.match(head, /^LOCATION +STATE +RESUMES +BACKLOG +BYTES +OLDEST +FAILED$/)
  assert.match(aws, /^awsbackend +running +- +0 +0 B +- +0$/)
  assert.match(az, /^azurebackend +paused +- +500 +\d\.\d KiB +(?:\d+m )?\d+s +0$/)
  const states = await shown('status')
  assert.deepEqual(
    states.map(state => [state.name, state.state, state.backlog.objects]),
    [
      ['awsbackend', 'running', 0],
      ['azurebackend', 'paused', 2 * keyCount],
    ],
  )
  assert.ok((states[1]?.backlog.bytes ?? 0) > 0)
})

test('the pause and the backlog survive kill -9 and an orderly end', { skip }, async () => {
  await clouds.crossbeat.kill()
  await clouds.crossbeat.restart()
  assert.deepEqual(await standing(), ['paused', 2 * keyCount])
  assert.equal(await clouds.crossbeat.end(), 0)
  await clouds.crossbeat.restart()
  assert.deepEqual(await standing(), ['paused', 2 * keyCount])
  assert.equal(proxy.passages.filter(({ method }) => method === 'PUT').length, 0, 'a paused site got something')
  assert.equal((await versionsIn(clouds.far, clouds.s3.bucket)).length, 2 * keyCount, 'awsbackend got some twice')
})

async function standing(): Promise<readonly [string, number]> {
  const state = await azureShown()
  return [state.state, state.backlog.objects]
}

test('a resume can be scheduled, replaced and cancelled', { skip }, async () => {
  const inSix = await crossbeat('resume', 'azurebackend', '--in', '6h')
  assert.match(inSix.stdout, /^azurebackend: paused, resumes at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\n$/)
  assert.equal(inSix.code, 0)
  const ahead = Date.parse((await azureShown()).desired.resumeAt ?? '') - Date.now()
  assert.ok(ahead > 5.9 * 3_600_000 && ahead <= 6 * 3_600_000, `${ahead} ms`)
  const moment = new Date(Date.now() + 86_400_000).toISOString()
  const [at] = await shown('resume', 'azurebackend', '--at', moment)
  assert.equal(at?.desired.resumeAt, moment)
  const cancelled = await crossbeat('resume', 'azurebackend', '--cancel')
  assert.deepEqual(cancelled, { code: 0, stdout: 'azurebackend: paused\n', stderr: '' })
  assert.equal((await azureShown()).desired.resumeAt, null)
})

test('what cannot be done is told in one line, with exit code 1', { skip }, async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['resume', 'awsbackend', '--in', '6h'], /^awsbackend: not paused, nothing to schedule\n$/],
    [
      ['resume', 'azurebackend', '--in', '6 hours'],
      /^crossbeat: --in "6 hours" is no duration from 1s to 8760h, .*\n$/,
    ],
    [['resume', 'azurebackend', '--at', 'yesterday'], /^crossbeat: --at "yesterday" is no time such as .*\n$/],
    [['resume', 'azurebackend', '--at', '2001-01-01T00:00Z'], /^crossbeat: --at .* must lie in the future .*\n$/],
    [['resume', 'azurebackend', '--in', '1h', '--cancel'], /^crossbeat: .*cannot be used with.*\n$/],
    [
      ['pause', 'azurebakend'],
      /^crossbeat: unknown location "azurebakend" \(known: .*\); did you mean azurebackend\?\n$/,
    ],
    [['status', 'nowhere'], /^crossbeat: unknown location "nowhere" \(known: awsbackend, azurebackend\)\n$/],
    [['paus'], /^crossbeat: unknown command 'paus'.*\n$/],
  ]
  for (const [args, stderr] of cases) {
    const result = await crossbeat(...args)
    assert.match(result.stderr, stderr)
    assert.deepEqual([result.code, result.stdout], [1, ''], args.join(' '))
  }
})

test('a control API that does not answer is exit code 3', { skip }, async () => {
  const { code, stdout, stderr } = await runCli(['status', '--control', 'http://127.0.0.1:9'])
  assert.deepEqual([code, stdout], [3, ''])
  assert.match(stderr, /^crossbeat: http:\/\/127\.0\.0\.1:9 does not answer \(ECONNREFUSED\).*\n$/)
})

test('a schedule that falls due while the program is down fires at the start', { skip }, async () => {
  assert.equal((await crossbeat('resume', 'azurebackend', '--in', '8s')).code, 0)
  await clouds.crossbeat.kill()
  assert.equal(proxy.passages.filter(({ method }) => method === 'PUT').length, 0)
  const due = Date.now() + 8_100
  await eventually('the schedule is due', async () => (Date.now() > due ? true : undefined))
  await clouds.crossbeat.restart()
  await drained(clouds)
  // With several processes, reports of those that were killed are there for a while.
  const state = await eventually('it runs', async () => {
    const now = await azureShown()
    return now.state === 'running' ? now : undefined
  })
  assert.deepEqual([state.desired.resumeAt, state.backlog.objects], [null, 0])
})

test('the versions of each key arrived in their order, and none twice', { skip }, async () => {
  const arrived = new Map<string, string[]>()
  for (const { method, path, headers, status } of proxy.passages) {
    const id = headers['x-ms-meta-scal_version_id']
    if (method !== 'PUT' || id === undefined || status !== 201) continue
    const key = decodeURIComponent(path.split('?')[0] ?? '').replace(/^.*\/paused\//, '')
    arrived.set(key, [...(arrived.get(key) ?? []), id])
  }
  const expected = new Map<string, string[]>()
  for (const { key, versionId } of put) expected.set(key, [...(expected.get(key) ?? []), versionId])
  assert.deepEqual(Object.fromEntries([...arrived].sort()), Object.fromEntries([...expected].sort()))
  await inParallel(put, 16, async ({ key, versionId }) => {
    const { overall } = await statusOf(clouds.source, bucket, key, versionId)
    assert.equal(overall, 'COMPLETED', `${key} ${versionId}`)
  })
})

test('without a name all locations are paused and resumed', { skip }, async () => {
  const paused = await crossbeat('pause', '--wait')
  assert.deepEqual(paused, { code: 0, stdout: 'awsbackend: paused\nazurebackend: paused\n', stderr: '' })
  await clouds.source.send(new PutObjectCommand({ Bucket: bucket, Key: 'last', Body: 'x' }))
  const resumed = await crossbeat('resume')
  assert.equal(resumed.code, 0)
  assert.match(resumed.stdout, /^awsbackend: (running|resuming)\nazurebackend: (running|resuming)\n$/)
  await untilStatus(clouds.source, bucket, 'last', 'COMPLETED')
})
