// Goal: what a bucket's rules ask for arrives at a webhook, what lifecycle does included, and nothing is lost while the webhook is away or the engine
// starts anew. Method: the embedded engine over a folder, a webhook of our own, days of a second.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  CreateBucketCommand,
  type Event,
  PutBucketLifecycleConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { realWorld } from '../../src/base/world.ts'
import { loadConfig } from '../../src/config/load.ts'
import { memoryEnvironment } from '../../src/config/memory-environment.ts'
import { startEmbedded } from '../../src/engine/embedded.ts'
import type { WholeEngine } from '../../src/engine/engine.ts'
import { until } from '../until.ts'

interface Told {
  readonly eventName: string
  readonly s3: { readonly object: { readonly key: string } }
}

const folder = mkdtempSync(join(tmpdir(), 'crossbeat-events-'))
const told: string[] = []
let isAway = false
let refusals = 0
let webhook: Server
let engine: WholeEngine

async function start(): Promise<void> {
  const { port } = webhook.address() as AddressInfo
  const text = JSON.stringify({
    dataDir: join(folder, 'data'),
    s3: { listen: '127.0.0.1:0', lifecycle: { dayLengthSeconds: 1, intervalSeconds: 1 } },
    control: { listen: '127.0.0.1:0' },
    log: { level: 'silent' },
    notifications: { targets: { hook: { webhook: { url: `http://127.0.0.1:${port}/events` } } } },
  })
  const result = await loadConfig('/crossbeat.yaml', memoryEnvironment({ '/crossbeat.yaml': text }))
  assert.ok(result.ok)
  engine = await startEmbedded({ config: result.config, world: realWorld })
}

function client(): S3Client {
  const { s3, accounts } = engine
  const { access = '', secret = '' } = accounts.administratorKey ?? {}
  return new S3Client({
    endpoint: `http://${s3.host}:${s3.port}`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: access, secretAccessKey: secret },
  })
}

before(async () => {
  webhook = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      response.statusCode = isAway ? 503 : 200
      if (isAway) refusals += 1
      else {
        const { Records }: { Records: readonly Told[] } = JSON.parse(Buffer.concat(chunks).toString())
        told.push(...Records.map(({ eventName, s3 }) => `${eventName} ${s3.object.key}`))
      }
      response.end()
    })
  })
  await new Promise<void>(resolve => webhook.listen(0, '127.0.0.1', resolve))
  await start()
})

after(async () => {
  await engine.close()
  webhook.close()
  webhook.closeAllConnections()
  rmSync(folder, { recursive: true, force: true })
})

test('events arrive, also what happened while nobody took them, and what lifecycle did', async () => {
  const first = client()
  const Bucket = 'noted'
  await first.send(new CreateBucketCommand({ Bucket }))
  const Events: Event[] = ['s3:ObjectCreated:*', 's3:LifecycleExpiration:*']
  const QueueArn = 'arn:aws:sqs:us-east-1:123456789012:hook'
  const NotificationConfiguration = { QueueConfigurations: [{ QueueArn, Events }] }
  await first.send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration }))
  await first.send(new PutObjectCommand({ Bucket, Key: 'one', Body: 'x' }))
  await until('the first event', () => told.includes('ObjectCreated:Put one'))

  isAway = true
  await first.send(new PutObjectCommand({ Bucket, Key: 'two', Body: 'x' }))
  await until('a refusal', () => refusals > 0)
  first.destroy()
  await engine.close()
  isAway = false
  await start()
  await until('the event of before', () => told.includes('ObjectCreated:Put two'))

  const second = client()
  const Rules = [{ ID: 'all', Status: 'Enabled' as const, Filter: { Prefix: 'one' }, Expiration: { Days: 1 } }]
  await second.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }))
  await until('the expiration', () => told.includes('LifecycleExpiration:Delete one'))
  assert.equal(told.filter(event => event.endsWith(' two')).at(-1), 'ObjectCreated:Put two')
  second.destroy()
})
