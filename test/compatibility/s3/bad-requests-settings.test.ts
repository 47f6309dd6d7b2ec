// Goal: what sets and shows lists, policies, rules and other settings of buckets and objects refuses what is wrong with a request by S3's code and
// status, and changes nothing. Method: what is wrong with any of them is tried with each; then a table by operation, each row one thing wrong with
// a document that would do otherwise; signed, over the real server.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { errorCode, startTestServer, type TestServer } from './test-server.ts'

let server: TestServer

/** A document that does, for each operation with one: where it goes, its root element and what is in it. */
const documents: Readonly<Record<string, readonly [path: string, root: string, content: string]>> = {
  PutBucketAcl: ['?acl', 'AccessControlPolicy', '<Owner><ID>canonical-bart</ID></Owner><AccessControlList/>'],
  PutPublicAccessBlock: [
    '?publicAccessBlock',
    'PublicAccessBlockConfiguration',
    '<BlockPublicAcls>true</BlockPublicAcls>',
  ],
  PutBucketOwnershipControls: [
    '?ownershipControls',
    'OwnershipControls',
    '<Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>',
  ],
  PutBucketCors: [
    '?cors',
    'CORSConfiguration',
    '<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>',
  ],
  PutBucketTagging: ['?tagging', 'Tagging', '<TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet>'],
  PutBucketEncryption: [
    '?encryption',
    'ServerSideEncryptionConfiguration',
    '<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>',
  ],
  PutBucketWebsite: ['?website', 'WebsiteConfiguration', '<IndexDocument><Suffix>index.html</Suffix></IndexDocument>'],
  PutBucketLifecycleConfiguration: [
    '?lifecycle',
    'LifecycleConfiguration',
    '<Rule><ID>r</ID><Filter/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule>',
  ],
  PutBucketLogging: ['?logging', 'BucketLoggingStatus', ''],
  PutBucketNotificationConfiguration: ['?notification', 'NotificationConfiguration', ''],
  PutBucketRequestPayment: ['?requestPayment', 'RequestPaymentConfiguration', '<Payer>BucketOwner</Payer>'],
  PutBucketAccelerateConfiguration: ['?accelerate', 'AccelerateConfiguration', '<Status>Suspended</Status>'],
  PutObjectLockConfiguration: [
    '?object-lock',
    'ObjectLockConfiguration',
    '<ObjectLockEnabled>Enabled</ObjectLockEnabled>',
  ],
  PutObjectTagging: ['/o?tagging', 'Tagging', '<TagSet/>'],
  PutObjectAcl: ['/o?acl', 'AccessControlPolicy', '<Owner><ID>canonical-bart</ID></Owner><AccessControlList/>'],
  PutObjectRetention: [
    '/o?retention',
    'Retention',
    '<Mode>GOVERNANCE</Mode><RetainUntilDate>2099-01-01T00:00:00Z</RetainUntilDate>',
  ],
  PutObjectLegalHold: ['/o?legal-hold', 'LegalHold', '<Status>ON</Status>'],
}

const otherDigest = '1B2M2Y8AsgTpgAmY7PhCfg=='
const strangersBucket = { 'x-amz-expected-bucket-owner': '000000000000' }

interface Attempt {
  readonly method: string
  readonly path: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

function refused(name: string, { headers = {}, ...request }: Attempt, status: number, code: string): void {
  test(`bad-requests/${name}`, async () => {
    const answer = await server.send({ ...request, headers })
    assert.deepEqual([answer.status, errorCode(answer)], [status, code], answer.body)
    if (code !== '') assert.match(answer.body, /<Message>[^<]+<\/Message>.*<RequestId>\w+<\/RequestId>/s)
  })
}

before(async () => {
  server = await startTestServer()
  const made = [
    await server.send({ method: 'PUT', path: '/bad', headers: { 'x-amz-bucket-object-lock-enabled': 'true' } }),
    await server.send({ method: 'PUT', path: '/bad/o', body: 'hello' }),
    await server.send({ method: 'PUT', path: '/unlocked' }),
    await server.send({ method: 'PUT', path: '/unlocked/o', body: 'hello' }),
  ]
  for (const answer of made) assert.equal(answer.status, 200, answer.body)
})

after(() => server.close())

for (const [operation, [path, root, content]] of Object.entries(documents)) {
  const body = `<${root}>${content}</${root}>`
  const malformed = root === 'AccessControlPolicy' ? 'MalformedACLError' : 'MalformedXML'
  const put = (more: Partial<Attempt>): Attempt => ({ method: 'PUT', path: `/bad${path}`, body, ...more })
  const cases: readonly (readonly [string, Partial<Attempt>, number, string])[] = [
    ['a document that ends early', { body: `<${root}>${content}` }, 400, malformed],
    ['a document of another kind', { body: '<Other/>' }, 400, malformed],
    ['a document that declares entities', { body: `<!DOCTYPE a [<!ENTITY b "c">]>${body}` }, 400, malformed],
    ['a document of JSON', { body: '{}' }, 400, malformed],
    ['a digest that is none', { headers: { 'content-md5': 'x' } }, 400, 'InvalidDigest'],
    ['the digest of something else', { headers: { 'content-md5': otherDigest } }, 400, 'BadDigest'],
    ['a checksum that is none', { headers: { 'x-amz-checksum-crc32': 'x' } }, 400, 'InvalidRequest'],
    ['the checksum of something else', { headers: { 'x-amz-checksum-crc32': 'AAAAAA==' } }, 400, 'BadDigest'],
    ['an owner who is another', { headers: strangersBucket }, 403, 'AccessDenied'],
    ['a bucket that is not there', { path: `/missing-one${path}` }, 404, 'NoSuchBucket'],
  ]
  for (const [what, more, status, code] of cases) refused(`${operation}: ${what}`, put(more), status, code)
  if (!path.startsWith('/o')) continue
  refused(
    `${operation}: a key that is not there`,
    put({ path: `/bad${path.replace('/o?', '/none?')}` }),
    404,
    'NoSuchKey',
  )
  refused(`${operation}: a version that is none`, put({ path: `/bad${path}&versionId=x` }), 400, 'InvalidArgument')
}

const subResources = [
  ...new Set(Object.values(documents).map(([path]) => path)),
  '?policy',
  '?policyStatus',
  '/o?attributes',
]

for (const path of subResources) {
  refused(
    `GET ${path}: a bucket that is not there`,
    { method: 'GET', path: `/missing-one${path}` },
    404,
    'NoSuchBucket',
  )
  const headers = strangersBucket
  refused(`GET ${path}: an owner who is another`, { method: 'GET', path: `/bad${path}`, headers }, 403, 'AccessDenied')
}

for (const path of [
  '?cors',
  '?tagging',
  '?encryption',
  '?website',
  '?lifecycle',
  '?policy',
  '?publicAccessBlock',
  '?ownershipControls',
]) {
  refused(
    `DELETE ${path}: a bucket that is not there`,
    { method: 'DELETE', path: `/missing-one${path}` },
    404,
    'NoSuchBucket',
  )
}

const grant = (grantee: string, permission: string) =>
  `<Owner><ID>canonical-bart</ID></Owner><AccessControlList><Grant>${grantee}<Permission>${permission}</Permission></Grant></AccessControlList>`
const granteeOf = (type: string, content: string) =>
  `<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="${type}">${content}</Grantee>`
const lisa = granteeOf('CanonicalUser', '<ID>canonical-lisa</ID>')
const tag = (key: string, value: string) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`
const tags = (count: number) => Array.from({ length: count }, (_, at) => tag(`k${at}`, 'v')).join('')
const getAnywhere = '<AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>'
const corsRule = (content: string) => `<CORSRule>${content}</CORSRule>`
const lifecycleRule = (content: string, id = 'r') => `<Rule><ID>${id}</ID>${content}</Rule>`
const inOneDay = '<Expiration><Days>1</Days></Expiration>'
const enabled = '<Filter/><Status>Enabled</Status>'

const acls: readonly Row[] = [
  ['no owner', '<AccessControlList/>', 400, 'MalformedACLError'],
  ['no list', '<Owner><ID>canonical-bart</ID></Owner>', 400, 'MalformedACLError'],
  ['another owner', '<Owner><ID>canonical-lisa</ID></Owner><AccessControlList/>', 403, 'AccessDenied'],
  ['an unknown permission', grant(lisa, 'EVERYTHING'), 400, 'MalformedACLError'],
  ['a grantee without a type', grant('<Grantee><ID>canonical-lisa</ID></Grantee>', 'READ'), 400, 'MalformedACLError'],
  ['a grantee of an unknown type', grant(granteeOf('Robot', ''), 'READ'), 400, 'MalformedACLError'],
  ['a user who is nobody', grant(granteeOf('CanonicalUser', '<ID>x</ID>'), 'READ'), 400, 'InvalidArgument'],
  ['a group that is none', grant(granteeOf('Group', '<URI>http://x</URI>'), 'READ'), 400, 'InvalidArgument'],
  [
    'an address of nobody',
    grant(granteeOf('AmazonCustomerByEmail', '<EmailAddress>x@y</EmailAddress>'), 'READ'),
    400,
    'UnresolvableGrantByEmailAddress',
  ],
]

type Row = readonly [what: string, content: string, status: number, code: string]

/** By operation: what is wrong, and the content of the root element that has it. */
const contents: Readonly<Record<string, readonly Row[]>> = {
  PutBucketAcl: acls,
  PutObjectAcl: acls,
  PutPublicAccessBlock: [
    ['a setting that is neither', '<BlockPublicAcls>maybe</BlockPublicAcls>', 400, 'MalformedXML'],
    ['an unknown setting', '<BlockEverything>true</BlockEverything>', 400, 'MalformedXML'],
  ],
  PutBucketOwnershipControls: [
    ['no rule', '', 400, 'MalformedXML'],
    ['two rules', '<Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>'.repeat(2), 400, 'MalformedXML'],
    ['an unknown ownership', '<Rule><ObjectOwnership>Nobody</ObjectOwnership></Rule>', 400, 'MalformedXML'],
  ],
  PutBucketCors: [
    ['no rule', '', 400, 'MalformedXML'],
    ['no method', corsRule('<AllowedOrigin>*</AllowedOrigin>'), 400, 'MalformedXML'],
    ['no origin', corsRule('<AllowedMethod>GET</AllowedMethod>'), 400, 'MalformedXML'],
    [
      'an unknown method',
      corsRule('<AllowedOrigin>*</AllowedOrigin><AllowedMethod>PATCH</AllowedMethod>'),
      400,
      'InvalidRequest',
    ],
    [
      'an origin with two wildcards',
      corsRule('<AllowedOrigin>*a*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>'),
      400,
      'InvalidRequest',
    ],
    [
      'a header with two wildcards',
      corsRule(`${getAnywhere}<AllowedHeader>*a*</AllowedHeader>`),
      400,
      'InvalidRequest',
    ],
    ['an age that is no number', corsRule(`${getAnywhere}<MaxAgeSeconds>x</MaxAgeSeconds>`), 400, 'MalformedXML'],
    ['more than a hundred rules', corsRule(getAnywhere).repeat(101), 400, 'InvalidRequest'],
  ],
  PutBucketTagging: [
    ['no set', '', 400, 'MalformedXML'],
    ['a key twice', `<TagSet>${tag('k', 'v')}${tag('k', 'w')}</TagSet>`, 400, 'InvalidTag'],
    ['an empty key', `<TagSet>${tag('', 'v')}</TagSet>`, 400, 'InvalidTag'],
    ['a key of 129 characters', `<TagSet>${tag('k'.repeat(129), 'v')}</TagSet>`, 400, 'InvalidTag'],
    ['a value of 257 characters', `<TagSet>${tag('k', 'v'.repeat(257))}</TagSet>`, 400, 'InvalidTag'],
    ['a key of the system', `<TagSet>${tag('aws:k', 'v')}</TagSet>`, 400, 'InvalidTag'],
    ['51 tags', `<TagSet>${tags(51)}</TagSet>`, 400, 'BadRequest'],
  ],
  PutObjectTagging: [
    ['no set', '', 400, 'MalformedXML'],
    ['a value of 257 characters', `<TagSet>${tag('k', 'v'.repeat(257))}</TagSet>`, 400, 'InvalidTag'],
    ['eleven tags', `<TagSet>${tags(11)}</TagSet>`, 400, 'BadRequest'],
  ],
  PutBucketEncryption: [
    ['no rule', '', 400, 'MalformedXML'],
    [
      'an unknown algorithm',
      '<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>ROT13</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>',
      400,
      'MalformedXML',
    ],
  ],
  PutBucketWebsite: [
    ['nothing to serve', '', 400, 'InvalidArgument'],
    ['an empty index', '<IndexDocument><Suffix></Suffix></IndexDocument>', 400, 'InvalidArgument'],
    ['an index with a slash', '<IndexDocument><Suffix>a/b</Suffix></IndexDocument>', 400, 'InvalidArgument'],
    [
      'an empty page for errors',
      '<IndexDocument><Suffix>i</Suffix></IndexDocument><ErrorDocument><Key></Key></ErrorDocument>',
      400,
      'InvalidArgument',
    ],
    [
      'a redirect of everything beside an index',
      '<RedirectAllRequestsTo><HostName>a</HostName></RedirectAllRequestsTo><IndexDocument><Suffix>i</Suffix></IndexDocument>',
      400,
      'MalformedXML',
    ],
    [
      'a redirect to an unknown protocol',
      '<RedirectAllRequestsTo><HostName>a</HostName><Protocol>ftp</Protocol></RedirectAllRequestsTo>',
      400,
      'InvalidRequest',
    ],
  ],
  PutBucketLifecycleConfiguration: [
    ['no rule', '', 400, 'MalformedXML'],
    ['an unknown status', lifecycleRule(`<Filter/><Status>On</Status>${inOneDay}`), 400, 'MalformedXML'],
    ['no action', lifecycleRule(enabled), 400, 'InvalidRequest'],
    ['no days', lifecycleRule(`${enabled}<Expiration><Days>0</Days></Expiration>`), 400, 'InvalidArgument'],
    ['days that are text', lifecycleRule(`${enabled}<Expiration><Days>x</Days></Expiration>`), 400, 'MalformedXML'],
    [
      'days and a date',
      lifecycleRule(`${enabled}<Expiration><Days>1</Days><Date>2099-01-01T00:00:00Z</Date></Expiration>`),
      400,
      'MalformedXML',
    ],
    [
      'a date that is not midnight',
      lifecycleRule(`${enabled}<Expiration><Date>2099-01-01T01:00:00Z</Date></Expiration>`),
      400,
      'InvalidArgument',
    ],
    ['an id of 256 characters', lifecycleRule(enabled + inOneDay, 'i'.repeat(256)), 400, 'InvalidArgument'],
    ['one id twice', lifecycleRule(enabled + inOneDay).repeat(2), 400, 'InvalidArgument'],
    ['a filter and a prefix beside it', lifecycleRule(`<Prefix>a</Prefix>${enabled}${inOneDay}`), 400, 'MalformedXML'],
  ],
  PutBucketLogging: [
    ['no prefix', '<LoggingEnabled><TargetBucket>bad</TargetBucket></LoggingEnabled>', 400, 'MalformedXML'],
    [
      'a target that is not there',
      '<LoggingEnabled><TargetBucket>missing-one</TargetBucket><TargetPrefix/></LoggingEnabled>',
      400,
      'InvalidTargetBucketForLogging',
    ],
  ],
  PutBucketNotificationConfiguration: [
    [
      'no event',
      '<QueueConfiguration><Queue>arn:aws:sqs:us-east-1:1:q</Queue></QueueConfiguration>',
      400,
      'MalformedXML',
    ],
    [
      'an unknown event',
      '<QueueConfiguration><Queue>arn:aws:sqs:us-east-1:1:q</Queue><Event>s3:Nothing</Event></QueueConfiguration>',
      400,
      'InvalidArgument',
    ],
    [
      'a target that is not there',
      '<QueueConfiguration><Queue>arn:aws:sqs:us-east-1:1:q</Queue><Event>s3:ObjectCreated:*</Event></QueueConfiguration>',
      400,
      'InvalidArgument',
    ],
  ],
  PutBucketRequestPayment: [
    ['nobody', '', 400, 'MalformedXML'],
    ['somebody else', '<Payer>Neighbour</Payer>', 400, 'MalformedXML'],
  ],
  PutBucketAccelerateConfiguration: [['an unknown status', '<Status>Fast</Status>', 400, 'MalformedXML']],
  PutObjectLockConfiguration: [
    ['an unknown state', '<ObjectLockEnabled>Disabled</ObjectLockEnabled>', 400, 'MalformedXML'],
    ['days and years', lockRule('<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>'), 400, 'MalformedXML'],
    ['neither days nor years', lockRule('<Mode>GOVERNANCE</Mode>'), 400, 'MalformedXML'],
    ['an unknown mode', lockRule('<Mode>LAX</Mode><Days>1</Days>'), 400, 'MalformedXML'],
    ['no mode', lockRule('<Days>1</Days>'), 400, 'MalformedXML'],
    ['no days', lockRule('<Mode>GOVERNANCE</Mode><Days>0</Days>'), 400, 'InvalidRetentionPeriod'],
    ['days of a century', lockRule('<Mode>GOVERNANCE</Mode><Days>36501</Days>'), 400, 'InvalidArgument'],
  ],
  PutObjectRetention: [
    ['an unknown mode', '<Mode>LAX</Mode><RetainUntilDate>2099-01-01T00:00:00Z</RetainUntilDate>', 400, 'MalformedXML'],
    ['no date', '<Mode>GOVERNANCE</Mode>', 400, 'MalformedXML'],
    ['a date that is none', '<Mode>GOVERNANCE</Mode><RetainUntilDate>soon</RetainUntilDate>', 400, 'MalformedXML'],
    [
      'a date that is over',
      '<Mode>GOVERNANCE</Mode><RetainUntilDate>2020-01-01T00:00:00Z</RetainUntilDate>',
      400,
      'InvalidArgument',
    ],
  ],
  PutObjectLegalHold: [
    ['no status', '', 400, 'MalformedXML'],
    ['an unknown status', '<Status>MAYBE</Status>', 400, 'MalformedXML'],
  ],
}

function lockRule(content: string): string {
  return `<ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>${content}</DefaultRetention></Rule>`
}

for (const [operation, rows] of Object.entries(contents)) {
  const [path, root] = documents[operation] ?? ['', '']
  for (const [what, content, status, code] of rows) {
    const body = `<${root}>${content}</${root}>`
    refused(`${operation}: ${what}`, { method: 'PUT', path: `/bad${path}`, body }, status, code)
  }
}

const statement = (more: object) =>
  JSON.stringify({
    Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::bad/*', ...more }],
  })

for (const [what, body] of [
  ['no JSON', '{'],
  ['no statement', '{}'],
  ['an empty list of statements', '{"Statement":[]}'],
  ['an unknown effect', statement({ Effect: 'Maybe' })],
  ['no principal', statement({ Principal: undefined })],
  ['a principal that is nobody', statement({ Principal: { AWS: 'nobody' } })],
  ['no action', statement({ Action: undefined })],
  ['an unknown action', statement({ Action: 's3:Everything' })],
  ['no resource', statement({ Resource: undefined })],
  ['the resource of another bucket', statement({ Resource: 'arn:aws:s3:::other/*' })],
  ['an unknown operator', statement({ Condition: { Resembles: { 'aws:SourceIp': '1' } } })],
  ['an unknown key', statement({ Condition: { StringEquals: { 's3:nothing': '1' } } })],
  ['an address that is none', statement({ Condition: { IpAddress: { 'aws:SourceIp': 'here' } } })],
  ['an unknown element', statement({ Because: 'x' })],
] as const) {
  refused(`PutBucketPolicy: ${what}`, { method: 'PUT', path: '/bad?policy', body }, 400, 'MalformedPolicy')
}

const attributes = (asked: string, more: Readonly<Record<string, string>> = {}) => ({
  'x-amz-object-attributes': asked,
  ...more,
})
const locked = { mode: 'x-amz-object-lock-mode', until: 'x-amz-object-lock-retain-until-date' }

for (const [name, method, path, headers, status, code] of [
  ['PutBucketAcl: an unknown canned list', 'PUT', '?acl', { 'x-amz-acl': 'everybody' }, 400, 'InvalidArgument'],
  [
    'PutBucketAcl: a canned list and a grant',
    'PUT',
    '?acl',
    { 'x-amz-acl': 'private', 'x-amz-grant-read': 'id=canonical-lisa' },
    400,
    'InvalidRequest',
  ],
  ['PutBucketAcl: nothing at all', 'PUT', '?acl', {}, 400, 'MissingSecurityHeader'],
  ['PutObjectAcl: a grant of no form', 'PUT', '/o?acl', { 'x-amz-grant-read': 'lisa' }, 400, 'InvalidArgument'],
  ['PutObjectAcl: a grant to nobody', 'PUT', '/o?acl', { 'x-amz-grant-read': 'id=x' }, 400, 'InvalidArgument'],
  ['GetObjectAcl: a key that is not there', 'GET', '/none?acl', {}, 404, 'NoSuchKey'],
  ['GetObjectAttributes: none asked for', 'GET', '/o?attributes', {}, 400, 'InvalidRequest'],
  ['GetObjectAttributes: an unknown one', 'GET', '/o?attributes', attributes('Color'), 400, 'InvalidArgument'],
  ['GetObjectAttributes: a key that is not there', 'GET', '/none?attributes', attributes('ETag'), 404, 'NoSuchKey'],
  [
    'GetObjectAttributes: a version that is none',
    'GET',
    '/o?attributes&versionId=x',
    attributes('ETag'),
    400,
    'InvalidArgument',
  ],
  [
    'GetObjectAttributes: parts below zero',
    'GET',
    '/o?attributes',
    attributes('ObjectParts', { 'x-amz-max-parts': '-1' }),
    400,
    'InvalidArgument',
  ],
  [
    'GetObjectAttributes: a marker that is text',
    'GET',
    '/o?attributes',
    attributes('ObjectParts', { 'x-amz-part-number-marker': 'x' }),
    400,
    'InvalidArgument',
  ],
  ['GetObjectRetention: none there', 'GET', '/o?retention', {}, 404, 'NoSuchObjectLockConfiguration'],
  ['GetObjectLegalHold: none there', 'GET', '/o?legal-hold', {}, 404, 'NoSuchObjectLockConfiguration'],
  ['GetBucketPolicy: none there', 'GET', '?policy', {}, 404, 'NoSuchBucketPolicy'],
  ['GetBucketCors: none there', 'GET', '?cors', {}, 404, 'NoSuchCORSConfiguration'],
  ['GetBucketTagging: none there', 'GET', '?tagging', {}, 404, 'NoSuchTagSet'],
  ['GetBucketWebsite: none there', 'GET', '?website', {}, 404, 'NoSuchWebsiteConfiguration'],
  ['GetBucketLifecycleConfiguration: none there', 'GET', '?lifecycle', {}, 404, 'NoSuchLifecycleConfiguration'],
  ['GetBucketEncryption: none there', 'GET', '?encryption', {}, 404, 'ServerSideEncryptionConfigurationNotFoundError'],
  ['GetPublicAccessBlock: none there', 'GET', '?publicAccessBlock', {}, 404, 'NoSuchPublicAccessBlockConfiguration'],
  ['GetBucketOwnershipControls: none there', 'GET', '?ownershipControls', {}, 404, 'OwnershipControlsNotFoundError'],
  ['PutObject: a lock without its date', 'PUT', '/new', { [locked.mode]: 'GOVERNANCE' }, 400, 'InvalidArgument'],
  [
    'PutObject: an unknown lock',
    'PUT',
    '/new',
    { [locked.mode]: 'LAX', [locked.until]: '2099-01-01T00:00:00Z' },
    400,
    'InvalidArgument',
  ],
  [
    'PutObject: a lock that is over',
    'PUT',
    '/new',
    { [locked.mode]: 'GOVERNANCE', [locked.until]: '2020-01-01T00:00:00Z' },
    400,
    'InvalidArgument',
  ],
  ['PutObject: an unknown hold', 'PUT', '/new', { 'x-amz-object-lock-legal-hold': 'MAYBE' }, 400, 'InvalidArgument'],
  ['PutObject: tags that are none', 'PUT', '/new', { 'x-amz-tagging': '%' }, 400, 'InvalidArgument'],
  [
    'PutObject: an unknown storage class',
    'PUT',
    '/new',
    { 'x-amz-storage-class': 'CELLAR' },
    400,
    'InvalidStorageClass',
  ],
] as const) {
  refused(name, { method, path: `/bad${path}`, headers }, status, code)
}

for (const [operation, path, status, code] of [
  ['PutObjectRetention', '/o?retention', 400, 'InvalidRequest'],
  ['PutObjectLegalHold', '/o?legal-hold', 400, 'InvalidRequest'],
  ['PutObjectLockConfiguration', '?object-lock', 409, 'InvalidBucketState'],
] as const) {
  const [, root, content] = documents[operation] ?? []
  const body = `<${root}>${content}</${root}>`
  refused(`${operation}: a bucket without object lock`, { method: 'PUT', path: `/unlocked${path}`, body }, status, code)
}

test('bad-requests/settings: nothing has changed', async () => {
  const { body } = await server.send({ method: 'GET', path: '/bad?versions' })
  assert.deepEqual(
    [...body.matchAll(/<Key>([^<]*)<\/Key>/g)].map(found => found[1]),
    ['o'],
  )
  const acl = await server.send({ method: 'GET', path: '/bad/o?acl' })
  assert.equal(acl.body.match(/<Grant>/g)?.length, 1)
  const { headers } = await server.send({ method: 'HEAD', path: '/bad/o' })
  assert.equal(headers['x-amz-object-lock-mode'], undefined)
  assert.equal(headers['x-amz-tagging-count'], undefined)
})
