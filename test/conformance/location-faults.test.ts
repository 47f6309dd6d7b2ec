// What locations make of a network and of clouds that misbehave: the class of each failure, whether the outcome is in doubt, and that no
// answer but the right one is taken for success. The network is real where bytes matter, a script where words do.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { bytesSource } from '../../src/base/byte-source.ts'
import { createHttpClient, type HttpClient } from '../../src/base/http-client.ts'
import { Secret } from '../../src/base/secret.ts'
import { realWorld } from '../../src/base/world.ts'
import type { FailureFacts } from '../../src/domain/failure.ts'
import { createS3Location } from '../../src/locations/aws_s3/location.ts'
import { createAzureLocation } from '../../src/locations/azure/location.ts'
import type { Location } from '../../src/locations/location.ts'
import {
  type Behaviour,
  drained,
  type FaultyServer,
  garbage,
  hang,
  resetAfterBody,
  resetAtOnce,
  startFaultyServer,
  truncated,
} from '../fakes/faulty-server.ts'
import { checksumsOf, failsWith, patterned, plain, streamed } from './location-subject.ts'

const secretKey = 'a-very-secret-key/with+signs'
const accountKey = Buffer.from('an-azure-secret-key').toString('base64')

function s3Location(host: string, http: HttpClient): Location {
  const credentials = { accessKey: 'AKID', secretKey: new Secret(secretKey) }
  const place = { awsEndpoint: host, bucketName: 'copies', region: 'us-east-1', https: false, pathStyle: true }
  const details = {
    ...place,
    serverSideEncryption: false,
    supportsVersioning: true,
    supportsObjectLock: false,
    credentials,
  }
  return createS3Location({ name: 'awsbackend', details, http, world: realWorld })
}

function azureLocation(host: string, http: HttpClient): Location {
  const auth = { kind: 'sharedKey', account: 'account', key: new Secret(accountKey) } as const
  const details = { azureStorageEndpoint: `http://${host}/account/`, azureContainerName: 'copies', auth }
  return createAzureLocation({ name: 'azurebackend', details, http, world: realWorld })
}

const clouds = [
  { name: 'aws_s3', make: s3Location },
  { name: 'azure', make: azureLocation },
] as const

function answering(status: number, headers: Readonly<Record<string, string>>, body = ''): Behaviour {
  return async (request, response) => {
    await drained(request)
    response.writeHead(status, headers)
    response.end(body)
  }
}

const bytes = Buffer.from('hello')
const large = patterned(20 * 1024 ** 2)

function put(location: Location): Promise<unknown> {
  return location.put('a key', bytesSource(bytes), checksumsOf(bytes), plain)
}

interface Expectation {
  readonly name: string
  readonly behaviour: Behaviour
  readonly write?: (location: Location) => Promise<unknown>
  readonly expected: Partial<FailureFacts>
}

const errorBody = '<?xml version="1.0"?><Error><Code>InternalError</Code><Message>later</Message></Error>'

const expectations: readonly Expectation[] = [
  {
    name: 'a connection that breaks while a large body is sent: transient, nothing in doubt',
    behaviour: resetAtOnce,
    write: location => location.put('k', streamed(large, 65_536), checksumsOf(large), plain),
    expected: { class: 'transient' },
  },
  {
    name: 'a connection that breaks after the body: transient, outcome unknown',
    behaviour: resetAfterBody,
    expected: { class: 'transient', outcomeUnknown: true },
  },
  {
    name: 'no answer: transient, outcome unknown',
    behaviour: hang,
    expected: { class: 'transient', outcomeUnknown: true },
  },
  {
    name: 'an answer that ends early: transient, outcome unknown',
    behaviour: truncated,
    expected: { class: 'transient', outcomeUnknown: true },
  },
  {
    name: 'an answer that is no HTTP: transient, outcome unknown',
    behaviour: garbage,
    expected: { class: 'transient', outcomeUnknown: true },
  },
  {
    name: 'a delete whose connection breaks: transient, outcome unknown',
    behaviour: resetAfterBody,
    write: location => location.delete('k', ''),
    expected: { class: 'transient', outcomeUnknown: true },
  },
  {
    name: 'success with an error document: transient, outcome unknown',
    behaviour: answering(200, { 'content-type': 'application/xml' }, errorBody),
    expected: { class: 'transient', code: 'InternalError', outcomeUnknown: true },
  },
  {
    name: 'an error inside the cloud: transient, outcome unknown',
    behaviour: answering(500, { 'x-ms-error-code': 'InternalError' }, errorBody),
    expected: { class: 'transient', code: 'InternalError', status: 500, outcomeUnknown: true },
  },
  {
    name: 'a proxy that cannot reach the cloud: transient, outcome unknown',
    behaviour: answering(502, { 'content-type': 'text/html' }, '<html><body>Bad gateway</body></html>'),
    expected: { class: 'transient', code: 'HTTP502', outcomeUnknown: true },
  },
  {
    name: 'too many requests: throttled, and Retry-After is told',
    behaviour: answering(429, { 'retry-after': '7' }),
    expected: { class: 'throttled', retryAfterMs: 7000 },
  },
  {
    name: 'unavailable with Retry-After: throttled',
    behaviour: answering(503, { 'retry-after': '2' }),
    expected: { class: 'throttled', retryAfterMs: 2000 },
  },
  {
    name: 'unavailable: transient',
    behaviour: answering(503, {}),
    expected: { class: 'transient' },
  },
  {
    name: 'a redirect is not followed: a fault of the location',
    behaviour: answering(307, { location: 'http://127.0.0.1:1/' }),
    expected: { class: 'location' },
  },
  {
    name: 'a page of somebody else with status 403: a fault of the location',
    behaviour: answering(403, { 'content-type': 'text/html' }, '<html>no</html>'),
    expected: { class: 'location', code: 'HTTP403' },
  },
  {
    name: 'headers too large for whoever answers: a fault of the object',
    behaviour: answering(431, {}),
    expected: { class: 'object' },
  },
]

for (const { name: cloud, make } of clouds) {
  describe(`faults of ${cloud}`, () => {
    let server: FaultyServer
    const http = createHttpClient()
    // Only for who never answers: a busy machine could take longer over an answer.
    const hasty = createHttpClient({ headersTimeoutMs: 100 })
    before(async () => {
      server = await startFaultyServer()
    })
    after(async () => {
      await server.close()
      await http.close()
      await hasty.close()
    })
    for (const { name, behaviour, write = put, expected } of expectations) {
      test(name, async () => {
        server.behave(behaviour)
        const location = make(server.host, behaviour === hang ? hasty : http)
        const facts = await failsWith(write(location), expected)
        assert.equal(facts.outcomeUnknown, expected.outcomeUnknown)
      })
    }

    test('reading never leaves an outcome in doubt', async () => {
      server.behave(answering(500, {}, errorBody))
      const facts = await failsWith(make(server.host, http).head('k', ''), { class: 'transient' })
      assert.equal(facts.outcomeUnknown, undefined)
    })

    test('nobody listening: transient, nothing in doubt', async () => {
      const facts = await failsWith(put(make('127.0.0.1:1', http)), { class: 'transient', code: 'ECONNREFUSED' })
      assert.equal(facts.outcomeUnknown, undefined)
    })

    test('giving up destroys the connection and leaves the outcome in doubt', async () => {
      server.behave(hang)
      const giveUp = new AbortController()
      const context = { signal: giveUp.signal, onSent: () => setImmediate(() => giveUp.abort()) }
      const write = make(server.host, http).put('k', bytesSource(bytes), checksumsOf(bytes), plain, context)
      await failsWith(write, { class: 'transient', code: 'Aborted', outcomeUnknown: true })
      await server.lastClosed()
    })

    test('no secret shows in what a cloud says', async () => {
      const message = `you signed with ${secretKey} or ${accountKey}`
      server.behave(answering(403, {}, `<Error><Code>AccessDenied</Code><Message>${message}</Message></Error>`))
      const facts = await failsWith(put(make(server.host, http)), { class: 'location' })
      const own = cloud === 'aws_s3' ? secretKey : accountKey
      assert.ok(!JSON.stringify(facts).includes(own), JSON.stringify(facts))
      assert.match(facts.message, /\[secret\]/)
    })

    test('bytes confirmed with another checksum are not believed', async () => {
      const wrong = { 'x-amz-checksum-crc32': 'AAAAAA==', 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' }
      server.behave(answering(201, { ...wrong, etag: '"x"', 'x-amz-version-id': 'v1' }))
      await failsWith(put(make(server.host, http)), {
        class: 'transient',
        code: 'ChecksumMismatch',
        outcomeUnknown: true,
      })
    })
  })
}
