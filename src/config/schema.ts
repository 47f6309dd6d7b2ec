// The shape of crossbeat.yaml as JSON Schema (typebox): every key that has a function, and no other. Beside the standard
// words a schema may carry `expected` (what to tell the reader), `secret` (never show the value) and `refused` (keys
// that people bring from the original programs, each with the reason why it is not here). Defaults are in resolve.ts.

import { type Static, type TSchema, Type } from 'typebox'
import { engineSchema } from './engine-schema.ts'
import { notificationsSchema } from './notification-schema.ts'
import { secretText, strict, wholeNumber } from './schema-parts.ts'

const pathText = (expected: string) => Type.String({ minLength: 1, maxLength: 4096, pattern: '^[^\\0]*$', expected })

/** Names of sites and locations stand in comma-separated rule fields, URLs and group names: no comma, colon or slash. */
export const namePattern = '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'
export const nameExpected = 'a name of 1 to 63 letters, digits, dots, hyphens and underscores'

const topicName = Type.String({
  pattern: '^(?!\\.{1,2}$)[A-Za-z0-9._-]{1,249}$',
  expected: 'a topic name: 1 to 249 letters, digits, dots, hyphens and underscores',
})

const listenText = Type.String({ expected: 'host:port, such as 127.0.0.1:8000' })

const masterKeyId = (expected: string) => Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$', expected })

const masterKeySchema = Type.Object(
  {
    id: masterKeyId('an id of 1 to 63 letters, digits, dots, hyphens and underscores'),
    key: Type.String({
      pattern: '^[A-Za-z0-9+/]{43}=$',
      secret: true,
      expected: 'base64 of 32 bytes, as `openssl rand -base64 32` makes it',
    }),
  },
  { ...strict, secretKeys: true },
)

export const encryptionSchema = Type.Object(
  {
    keys: Type.Array(masterKeySchema, { minItems: 1, maxItems: 1000, expected: 'a list of {id, key}, not empty' }),
    current: masterKeyId('the id of one of s3.encryption.keys'),
  },
  strict,
)

const lifecycleSchema = Type.Object(
  {
    intervalSeconds: Type.Optional(wholeNumber(1, 604_800)),
    dayLengthSeconds: Type.Optional(wholeNumber(1, 86_400)),
  },
  strict,
)

const hostNames = Type.Array(
  Type.String({
    pattern: '^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$',
    expected: 'a host name without port, such as s3.example.com',
  }),
  { maxItems: 100, expected: 'a list of host names' },
)

export const s3Schema = Type.Object(
  {
    listen: Type.Optional(listenText),
    advertise: Type.Optional(listenText),
    encryption: Type.Optional(encryptionSchema),
    workers: Type.Optional(wholeNumber(0, 64)),
    lifecycle: Type.Optional(lifecycleSchema),
    region: Type.Optional(
      Type.String({
        pattern: '^(?:\\*|[A-Za-z0-9][A-Za-z0-9_-]{0,62})$',
        expected: "a region such as us-east-1, or '*'",
      }),
    ),
    endpoints: Type.Optional(hostNames),
    websiteEndpoints: Type.Optional(hostNames),
    tls: Type.Optional(
      Type.Object(
        {
          cert: pathText('path of a PEM certificate'),
          key: pathText('path of a PEM private key'),
          listen: Type.Optional(listenText),
        },
        strict,
      ),
    ),
  },
  strict,
)

export const controlSchema = Type.Object(
  {
    listen: Type.Optional(listenText),
    token: Type.Optional(
      Type.String({
        minLength: 16,
        maxLength: 1024,
        pattern: '^[!-~]+$',
        secret: true,
        expected: 'a token of at least 16 visible ASCII characters',
      }),
    ),
    tls: Type.Optional(
      Type.Object({ cert: pathText('path of a PEM certificate'), key: pathText('path of a PEM private key') }, strict),
    ),
    insecure: Type.Optional(Type.Boolean()),
  },
  strict,
)

export const credentialsSchema = Type.Object(
  {
    accessKey: Type.String({
      pattern: '^[!-~]{1,256}$',
      secret: true,
      expected: 'an access key of visible ASCII characters',
    }),
    secretKey: secretText(),
    sessionToken: Type.Optional(secretText()),
  },
  { ...strict, secretKeys: true },
)

const legacySpelling = 'legacyAwsBehavior (this spelling)'

/** What all location types share. `type` and `details` are checked by type. */
export const locationSchema = Type.Object(
  {
    type: Type.Unknown(),
    objectId: Type.String({ minLength: 1, maxLength: 255, expected: 'a string that no other location has' }),
    legacyAwsBehavior: Type.Boolean(),
    sizeLimitGB: Type.Optional(
      Type.Null({ expected: 'null or nothing; limiting how much a location may hold is not supported yet' }),
    ),
    isTransient: Type.Optional(
      Type.Literal(false, {
        expected: 'false or nothing; removing the data once it has arrived everywhere is not supported yet',
      }),
    ),
    details: Type.Optional(Type.Unknown()),
  },
  {
    ...strict,
    refused: {
      isCold: 'no such key; cold locations are not supported',
      locationType: 'no such key; `type` alone says what a location is',
      legacy_aws_behavior: legacySpelling,
      legacyAWSBehavior: legacySpelling,
    },
  },
)

export const fileDetailsSchema = Type.Object({}, strict)

export const s3DetailsSchema = Type.Object(
  {
    awsEndpoint: Type.Optional(
      Type.String({ expected: 'host or host:port, without scheme and path (`https` is a key of its own)' }),
    ),
    bucketName: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$', expected: 'a bucket name' }),
    bucketMatch: Type.Optional(Type.Boolean()),
    region: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$', expected: 'a region such as eu-west-1' })),
    https: Type.Optional(Type.Boolean()),
    pathStyle: Type.Optional(Type.Boolean()),
    serverSideEncryption: Type.Optional(Type.Boolean()),
    supportsVersioning: Type.Optional(Type.Boolean()),
    supportsObjectLock: Type.Optional(Type.Boolean()),
    credentials: Type.Optional(credentialsSchema),
    credentialsProfile: Type.Optional(Type.String({ minLength: 1, maxLength: 255, expected: 'the name of a profile' })),
  },
  strict,
)

const notYetClientSecret =
  'no such key; sign with azureStorageAccountName and azureStorageAccessKey, or sasToken (client secrets are not supported yet)'

export const azureDetailsSchema = Type.Object(
  {
    azureStorageEndpoint: Type.Optional(
      Type.String({ expected: 'a URL such as https://account.blob.core.windows.net/' }),
    ),
    azureContainerName: Type.String({
      pattern: '^(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$',
      expected: 'a container name: 3 to 63 lower-case letters, digits and single hyphens',
    }),
    bucketMatch: Type.Optional(Type.Boolean()),
    authMethod: Type.Optional(Type.String({ expected: 'shared-key or shared-access-signature' })),
    azureStorageAccountName: Type.Optional(
      Type.String({ expected: 'an account name: 3 to 24 lower-case letters and digits' }),
    ),
    azureStorageAccessKey: Type.Optional(secretText('a key in base64')),
    sasToken: Type.Optional(secretText('a shared access signature')),
  },
  { ...strict, refused: { tenantId: notYetClientSecret, clientId: notYetClientSecret, clientKey: notYetClientSecret } },
)

/** One entry of `env_replication_endpoints`; `type` and `servers` exclude each other, which endpoints.ts checks. */
export const endpointSchema = Type.Object(
  {
    site: Type.String({ pattern: namePattern, expected: nameExpected }),
    type: Type.Optional(Type.Unknown()),
    servers: Type.Optional(
      Type.Array(Type.String({ expected: 'host:port, such as peer.example:8000' }), {
        minItems: 1,
        maxItems: 1000,
        expected: 'a list of host:port',
      }),
    ),
    default: Type.Optional(Type.Boolean()),
    https: Type.Optional(Type.Boolean()),
    credentials: Type.Optional(credentialsSchema),
  },
  { ...strict, refused: { echo: 'no such key; echo mode is not supported' } },
)

const untilDone =
  'no such key; transient and throttled failures are retried until they succeed, at the pace of `backoff`'

const retrySchema = Type.Object(
  {
    backoff: Type.Optional(
      Type.Object(
        {
          min: Type.Optional(wholeNumber(1, 86_400_000)),
          max: Type.Optional(wholeNumber(1, 86_400_000)),
          jitter: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
          factor: Type.Optional(Type.Number({ minimum: 1, maximum: 10 })),
        },
        strict,
      ),
    ),
  },
  { ...strict, refused: { maxRetries: untilDone, timeoutS: untilDone } },
)

const sourceSchema = Type.Object(
  {
    transport: Type.Optional(Type.Enum(['http', 'https'])),
    s3: Type.Object(
      { host: Type.String({ expected: 'a host name or address' }), port: wholeNumber(1, 65_535) },
      strict,
    ),
    auth: Type.Optional(
      Type.Object(
        {
          type: Type.Enum(['service', 'account'], {
            refusedValues: { role: 'service or account; there is no Vault here whose roles could be assumed' },
          }),
          account: Type.String({
            minLength: 1,
            maxLength: 255,
            expected: 'the name of an account in the accounts file',
          }),
        },
        { ...strict, refused: { vault: 'no such key; accounts come from the accounts file' } },
      ),
    ),
  },
  strict,
)

export const replicationSchema = Type.Object(
  {
    topic: Type.Optional(topicName),
    replicationStatusTopic: Type.Optional(topicName),
    queueProcessor: Type.Optional(
      Type.Object(
        {
          concurrency: Type.Optional(wholeNumber(1, 1000)),
          mpuPartsConcurrency: Type.Optional(wholeNumber(1, 100)),
          minMPUSizeMB: Type.Optional(wholeNumber(1, 5000)),
          retry: Type.Optional(
            Type.Object(
              {
                aws_s3: Type.Optional(retrySchema),
                azure: Type.Optional(retrySchema),
                scality: Type.Optional(retrySchema),
              },
              { ...strict, refused: { gcp: 'no such key; gcp is not supported yet' } },
            ),
          ),
        },
        strict,
      ),
    ),
    gateway: Type.Optional(Type.Enum(['direct', 'http'])),
    source: Type.Optional(sourceSchema),
    memory: Type.Optional(Type.Object({ inFlightBytesMB: Type.Optional(wholeNumber(16, 1_000_000)) }, strict)),
  },
  {
    ...strict,
    refused: {
      destination: 'no such key; the sites are env_replication_endpoints at the top level',
      replicationGroupId: 'replicationGroupId at the top level',
      replicationFailedTopic: 'no such key; failures stand in the ledger, not in a topic',
      replicationStatusProcessor: 'no such key; results are written in batches by one status processor',
    },
  },
)

const logSchema = Type.Object(
  { level: Type.Optional(Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])) },
  strict,
)

/** The top level. `locations` and `env_replication_endpoints` have readers of their own. */
export const configSchema = Type.Object(
  {
    dataDir: Type.Optional(pathText('path of a directory')),
    s3: Type.Optional(s3Schema),
    control: Type.Optional(controlSchema),
    accounts: Type.Optional(pathText('path of a file in the format of authdata.json')),
    locations: Type.Optional(Type.Unknown()),
    env_replication_endpoints: Type.Optional(Type.Unknown()),
    replicationGroupId: Type.Optional(
      Type.String({ pattern: '^(?! +$)[ -~]{1,7}$', expected: '1 to 7 printable ASCII characters' }),
    ),
    replication: Type.Optional(replicationSchema),
    engine: Type.Optional(engineSchema),
    notifications: Type.Optional(notificationsSchema),
    health: Type.Optional(Type.Object({ listen: Type.Optional(listenText) }, strict)),
    log: Type.Optional(logSchema),
  },
  {
    ...strict,
    // Whatever else is read by mistake, such as a credentials file, is not shown.
    secret: true,
    refused: {
      replicationEndpoints: 'env_replication_endpoints',
      bootstrapList: 'env_replication_endpoints',
    },
  },
)

export type RawReplication = Static<typeof replicationSchema>
export type RawRetry = Static<typeof retrySchema>
export type RawCredentials = Static<typeof credentialsSchema>

/** The words of a schema that the checker reads. */
export type SchemaNode = {
  readonly type?: string
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean
  readonly anyOf?: readonly SchemaNode[]
  readonly const?: unknown
  readonly enum?: readonly string[]
  readonly items?: SchemaNode
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly pattern?: string
  readonly expected?: string
  readonly secret?: boolean
  /** The keys of this mapping may be secrets that slid into the wrong place: unknown ones are not shown. */
  readonly secretKeys?: boolean
  readonly refused?: Readonly<Record<string, string>>
  readonly refusedValues?: Readonly<Record<string, string>>
}

/** A typebox schema seen as the JSON Schema that it is. */
export function schemaNode(schema: TSchema): SchemaNode {
  return schema as SchemaNode
}
