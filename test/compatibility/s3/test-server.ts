// The S3 server as its compatibility tests see it: the real HTTP server over a database and a data location in memory, with ordinary accounts,
// an administrator and a service account. Requests go through a current AWS SDK, or byte by byte where the SDK is too well-behaved.
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { S3Client } from '@aws-sdk/client-s3'
import {
  type Account,
  type AccountKey,
  type AccountUser,
  createAccountDirectory,
  type UserRights,
} from '../../../src/accounts/account-directory.ts'
import { initHashes, sha256Hex } from '../../../src/base/hash.ts'
import { Secret } from '../../../src/base/secret.ts'
import { signV4Headers } from '../../../src/base/signature-v4.ts'
import { realWorld, type World } from '../../../src/base/world.ts'
import type { LocationConfig, SiteConfig } from '../../../src/config/types.ts'
import { createMasterKeys } from '../../../src/locations/master-keys.ts'
import { createMemoryDataStore } from '../../../src/locations/memory/data-store.ts'
import type { MetadataStore } from '../../../src/metadata/metadata-store.ts'
import { openSqlite } from '../../../src/metadata/sqlite/engine.ts'
import { sqliteMetadataStore } from '../../../src/metadata/sqlite/sqlite-metadata-store.ts'
import { createS3Server, type S3Server, type S3ServerOptions } from '../../../src/s3/http/server.ts'
import { startWorkerServer } from './worker-server.ts'

export type AccountName = 'bart' | 'lisa' | 'admin' | 'replication'

function account(name: AccountName, shortId: string, more: Partial<Account> = {}): Account {
  return {
    name,
    email: `${name}@example.com`,
    arn: `arn:aws:iam::${shortId}:root`,
    canonicalId: `canonical-${name}`,
    shortId,
    displayName: name,
    keys: [keyOf(name)],
    admin: false,
    ...more,
  }
}

/** Users of bart's: one with the rights of the account, one with none but by policies. */
type UserName = 'clerk' | 'guest'
export type SignerName = AccountName | UserName

function user(name: UserName, rights: UserRights): AccountUser {
  return { name, rights, arn: `arn:aws:iam::123456789012:user/${name}`, keys: [keyOf(name)] }
}

/** What somebody signs with. */
export function keyOf(name: SignerName): AccountKey {
  return { access: `${name}-key`, secret: `${name}-secret` }
}

export const users = { clerk: user('clerk', 'account'), guest: user('guest', 'policies') } as const

export const accounts: Readonly<Record<AccountName, Account>> = {
  bart: account('bart', '123456789012', { users: Object.values(users) }),
  lisa: account('lisa', '123456789013'),
  admin: account('admin', '123456789014', { admin: true }),
  replication: account('replication', '123456789015', {
    canonicalId: 'http://acs.zenko.io/accounts/service/replication',
    service: 'replication',
  }),
}

const credentials = { accessKey: 'key', secretKey: new Secret('secret'), sessionToken: undefined }

function fileLocation(name: string, legacyAwsBehavior = false): LocationConfig {
  return { name, type: 'file', objectId: name, legacyAwsBehavior }
}

const locations: readonly LocationConfig[] = [
  fileLocation('us-east-1'),
  fileLocation('us-east-2'),
  fileLocation('legacy-1', true),
  {
    name: 'awsbackend',
    type: 'aws_s3',
    objectId: 'aws1',
    legacyAwsBehavior: true,
    details: {
      awsEndpoint: '127.0.0.1:9',
      bucketName: 'copies',
      // It takes copies under the keys of their objects, so it cannot hold objects of its own.
      bucketMatch: true,
      region: 'us-east-1',
      https: false,
      pathStyle: true,
      serverSideEncryption: false,
      supportsVersioning: true,
      supportsObjectLock: false,
      credentials,
    },
  },
]

export const sites: readonly SiteConfig[] = [
  {
    kind: 'servers',
    site: 'zenko',
    isDefault: true,
    servers: [{ host: '127.0.0.1', port: 8000 }],
    https: false,
    credentials,
  },
  { kind: 'cloud', site: 'awsbackend', isDefault: false, type: 'aws_s3', location: 'awsbackend' },
  { kind: 'cloud', site: 'azurebackend', isDefault: false, type: 'azure', location: 'azurebackend' },
]

export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface RawRequest {
  readonly method: string
  /** Encoded path and query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Null: anonymous. */
  readonly as?: SignerName | null
  /** The Host to send and sign; the server's address if left out. */
  readonly host?: string
  /** Replaces the hash of the body in the signature. */
  readonly payloadHash?: string
}

export interface TestServer {
  readonly host: string
  readonly port: number
  readonly store: MetadataStore
  /** The server itself. */
  readonly s3: S3Server
  /** Data outside the database, by name. */
  readonly disk: ReadonlyMap<string, Uint8Array>
  /** Takes data away behind the server's back. */
  loseData(key: string): void
  /** Turns a bit of data's first byte behind the server's back. */
  damageData(key: string): void
  client(as?: AccountName): S3Client
  /** Sends one signed request and reads its answer. */
  send(request: RawRequest): Promise<RawAnswer>
  /** Writes bytes on a fresh connection and reads until the server closes it. */
  raw(bytes: string | Uint8Array): Promise<string>
  close(): Promise<void>
}

const masterKey = { id: 'test', key: Buffer.alloc(32, 7) }

/** The master keys of every test server. */
export const testMasterKeys = createMasterKeys({
  keys: [masterKey],
  current: async () => masterKey,
  random: realWorld.random,
})

/** What tests need of a server, whoever serves. */
type Served = Pick<TestServer, 'host' | 'port' | 'store' | 's3' | 'disk' | 'loseData' | 'damageData' | 'close'>

export async function startTestServer(options: Partial<S3ServerOptions> & { world?: World } = {}): Promise<TestServer> {
  const workers = Number(process.env['CROSSBEAT_TEST_WORKERS'] ?? 0)
  const special = Object.keys(options).length > 0
  return withClients(workers > 0 && !special ? await serveByWorkers(workers) : await serveHere(options))
}

async function serveByWorkers(workers: number): Promise<Served> {
  // The tests compute checksums in this thread.
  await initHashes()
  const directory = createAccountDirectory(Object.values(accounts))
  const server = await startWorkerServer({ workers, accounts: directory, masterKeys: testMasterKeys, sites, locations })
  const { host, port, store } = server
  return {
    ...{ host, port, store },
    get s3(): S3Server {
      throw new Error('the server is in other threads')
    },
    get disk() {
      return server.disk()
    },
    loseData: key => server.loseData(key),
    damageData: key => server.damageData(key),
    close: () => server.close(),
  }
}

async function serveHere(options: Partial<S3ServerOptions> & { world?: World }): Promise<Served> {
  const world = options.world ?? realWorld
  const engine = await openSqlite({ path: ':memory:', inline: true, world, group: 'RG001', bootId: 'test' })
  const store = sqliteMetadataStore(engine)
  const disk = new Map<string, Uint8Array>()
  const dataStores = new Map(
    locations
      .filter(location => location.type === 'file')
      .map(({ name }) => [name, createMemoryDataStore({ name, epoch: '1', random: world.random, disk })] as const),
  )
  const directory = createAccountDirectory(Object.values(accounts))
  const server = createS3Server({
    listen: { host: '127.0.0.1', port: 0 },
    store,
    dataStores,
    masterKeys: testMasterKeys,
    accounts: directory,
    sites,
    locations,
    world,
    ...options,
  })
  await server.listen()
  return {
    ...server.address,
    store,
    s3: server,
    disk,
    loseData: key => {
      disk.delete(key)
    },
    damageData: key => {
      const bytes = disk.get(key)
      if (bytes === undefined) throw new Error(`there is no data ${key}`)
      bytes[0] = (bytes[0] ?? 0) ^ 1
    },
    async close() {
      await server.close()
      await engine.close()
    },
  }
}

function withClients(served: Served): TestServer {
  const { host, port, store } = served
  const clients: S3Client[] = []
  return {
    ...{ host, port, store },
    get s3() {
      return served.s3
    },
    get disk() {
      return served.disk
    },
    loseData: key => served.loseData(key),
    damageData: key => served.damageData(key),
    client(as = 'bart') {
      const { access, secret } = keyOf(as)
      const client = new S3Client({
        endpoint: `http://${host}:${port}`,
        region: 'us-east-1',
        forcePathStyle: true,
        maxAttempts: 1,
        credentials: { accessKeyId: access, secretAccessKey: secret },
      })
      clients.push(client)
      return client
    },
    send: request => send(host, port, request),
    raw: bytes => sendRaw(host, port, bytes),
    async close() {
      for (const client of clients) client.destroy()
      await served.close()
    },
  }
}

/** The headers of a request signed with Signature V4 for an account. */
export function signedHeaders(host: string, request: RawRequest & { readonly as: SignerName }): Record<string, string> {
  const [path = '/', query = ''] = request.path.split('?')
  const { access, secret } = keyOf(request.as)
  return signV4Headers({
    method: request.method,
    host,
    path,
    query,
    headers: lowerCased(request.headers ?? {}),
    payloadHash: request.payloadHash ?? sha256Hex(request.body ?? ''),
    region: 'us-east-1',
    service: 's3',
    accessKey: access,
    secretKey: secret,
    amzDate: new Date().toISOString().replace(/[-:]|\.\d{3}/g, ''),
  })
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function send(host: string, port: number, request: RawRequest): Promise<RawAnswer> {
  const { method, path, body, as = 'bart' } = request
  const named = request.host ?? `${host}:${port}`
  const signed = as === null ? { host: named, ...request.headers } : signedHeaders(named, { ...request, as })
  const headers: Record<string, string> = { ...signed }
  if (body !== undefined && headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) {
    headers['content-length'] = String(Buffer.byteLength(body))
  }
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host, port, method, path, headers, agent: false }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const found: Record<string, string> = {}
        for (const [name, value] of Object.entries(response.headers)) found[name] = String(value)
        resolve({ status: response.statusCode ?? 0, headers: found, body: Buffer.concat(chunks).toString('utf8') })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

function sendRaw(host: string, port: number, bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect(port, host, () => socket.write(bytes))
    socket.on('data', chunk => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
  })
}

/** Code of an error document. */
export function errorCode(answer: RawAnswer): string {
  return /<Code>([^<]*)<\/Code>/.exec(answer.body)?.[1] ?? ''
}

/** Message of an error document. */
export function errorMessage(answer: RawAnswer): string {
  return (/<Message>([^<]*)<\/Message>/.exec(answer.body)?.[1] ?? '').replaceAll('&apos;', "'").replaceAll('&amp;', '&')
}

export const versioningEnabled = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'

/** A replication configuration of rules in the older form. */
export function replicationXml(
  rules: readonly { readonly prefix?: string; readonly storageClass?: string; readonly id?: string }[],
  role = 'arn:aws:iam::123456789012:role/source',
): string {
  const elements = rules.map(
    ({ prefix = '', storageClass = 'awsbackend,azurebackend', id }) =>
      `<Rule>${id === undefined ? '' : `<ID>${id}</ID>`}<Prefix>${prefix}</Prefix><Status>Enabled</Status>` +
      `<Destination><Bucket>arn:aws:s3:::target</Bucket><StorageClass>${storageClass}</StorageClass></Destination></Rule>`,
  )
  return `<ReplicationConfiguration><Role>${role}</Role>${elements.join('')}</ReplicationConfiguration>`
}
