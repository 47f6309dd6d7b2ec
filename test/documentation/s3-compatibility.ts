// Makes docs/reference/s3-compatibility.md of the operation table and of what is said about its operations.
import { limits } from '../../src/domain/limits.ts'
import { type OperationEntry, operations } from '../../src/s3/operation-table.ts'
import { type Elements, elements } from './s3-elements.ts'

/** Throws when an operation that is there is not described. */
export function s3CompatibilityDocument(): string {
  const there = operations.filter(({ run }) => run !== null)
  const missing = operations.filter(({ run }) => run === null)
  return [
    '# S3 compatibility',
    '',
    `Made of \`src/s3/operation-table.ts\` by \`node test/documentation/write-s3-compatibility.ts\`; \`npm run check\` says so when it is not current.`,
    '',
    `Of S3's ${operations.length} operations on buckets and objects, ${there.length} are here. Everything else is refused with ` +
      "`NotImplemented` (501) and changes nothing; errors have S3's codes, statuses and documents.",
    '',
    '## For all operations',
    '',
    ...common.map(line => `- ${line}`),
    '',
    ...sections.flatMap(([title, level]) => [
      `## ${title}`,
      '',
      ...there.filter(({ resource }) => levelOf(resource) === level).flatMap(described),
    ]),
    '## Operations that are not here',
    '',
    '| operation | request |',
    '|---|---|',
    ...missing.map(entry => `| ${entry.name} | \`${requestOf(entry)}\` |`),
    '',
  ].join('\n')
}

const sections = [
  ['The service', 'service'],
  ['Buckets', 'bucket'],
  ['Objects and multipart uploads', 'object'],
] as const

const common = [
  'Path-style addresses, and virtual-host-style ones at the hosts of `s3.endpoints`.',
  'Signature V4 in the header, in the query (presigned) and of chunked bodies with and without trailers; Signature V2 in the header and in the query; anonymous requests.',
  '`x-amz-expected-bucket-owner`, `x-amz-request-payer`, `x-amz-content-sha256` and `Content-MD5` are checked or taken wherever S3 has them.',
  `Keys of at most ${limits.keyBytes} bytes, request heads of ${limits.headerBytes / 1024} KiB (headers of a PUT: ${limits.putHeaderBytes / 1024} KiB), XML documents of ${limits.xmlBytes / 1024 ** 2} MiB where nothing else is said.`,
  `Clocks may differ by ${limits.clockSkewMs / 60_000} minutes.`,
  'MFA delete, access points, S3 Express sessions and Outposts are not here. Keys of SSE-KMS are names: `docs/operating/encryption.md`.',
]

function levelOf(resource: OperationEntry['resource']): string {
  return resource.split('?')[0] ?? ''
}

const paths: Readonly<Record<string, string>> = { service: '/', bucket: '/bucket', object: '/bucket/key' }

function requestOf({ method, resource, header }: OperationEntry): string {
  const parameter = resource.split('?')[1]
  const query = parameter === undefined ? '' : `?${parameter}`
  return `${method} ${paths[levelOf(resource)]}${query}${header === undefined ? '' : ` with ${header}`}`
}

function described(entry: OperationEntry): string[] {
  const known = elements[entry.name]
  if (known === undefined) {
    throw new Error(`${entry.name} is implemented, but test/documentation/s3-elements.ts does not say what it takes.`)
  }
  return [`### ${entry.name}`, '', `\`${requestOf(entry)}\`, action \`${entry.action}\``, '', ...factsOf(known)]
}

function factsOf({ takes, refuses = [], notes = [] }: Elements): string[] {
  const lines = [
    ...(takes.length === 0 ? [] : [`- Supported: ${listed(takes)}`]),
    ...(refuses.length === 0 ? [] : [`- Not supported: ${listed(refuses)}`]),
    ...notes.map(note => `- ${note}`),
  ]
  return lines.length === 0 ? [] : [...lines, '']
}

function listed(names: readonly string[]): string {
  return names.map(name => `\`${name}\``).join(', ')
}
