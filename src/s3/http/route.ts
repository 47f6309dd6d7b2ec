// Which operation a request asks for: by method, by what its path names (service, bucket, object) and by its sub-resource. What S3 has and
// this server has not is refused as NotImplemented; a method that a resource does not know, as MethodNotAllowed. Nothing falls through.
import { serviceError } from '../../domain/errors.ts'
import { refuseAnonymous } from '../access/anonymous.ts'
import { openBucket } from '../access/open-bucket.ts'
import type { Operation } from '../call.ts'
import { type OperationEntry, operations } from '../operation-table.ts'
import { invalidArgument } from './answer.ts'
import type { HeaderMap } from './request-head.ts'
import type { RequestTarget } from './request-target.ts'

export interface Route extends OperationEntry {
  readonly run: Operation
}

/** The operations of one resource: by method, those that a header asks for apart. */
type Methods = ReadonlyMap<string, { readonly plain?: OperationEntry; readonly byHeader?: OperationEntry }>

const resources = new Map<string, Methods>(
  [...Map.groupBy(operations, ({ resource }) => resource)].map(([name, entries]) => [name, methodsOf(entries)]),
)

function methodsOf(entries: readonly OperationEntry[]): Methods {
  const byMethod = Map.groupBy(entries, ({ method }) => method)
  return new Map(
    [...byMethod].map(([method, found]) => {
      const plain = found.find(({ header }) => header === undefined)
      const byHeader = found.find(({ header }) => header !== undefined)
      return [method, { ...(plain && { plain }), ...(byHeader && { byHeader }) }]
    }),
  )
}

const copySource = 'x-amz-copy-source'

/** Parameters that name a sub-resource of something: none of them is overlooked where it names none. */
const parameters = new Set(operations.flatMap(({ resource }) => resource.split('?')[1] ?? []))

/** Throws NotImplemented, MethodNotAllowed, InvalidRequest and InvalidArgument for what stands where S3 has no place for it. */
export function findRoute(method: string, target: RequestTarget, headers: HeaderMap): Route {
  const { bucket, key } = target
  const level = bucket === undefined ? 'service' : key === undefined ? 'bucket' : 'object'
  refuseMisplaced(method, level, target, headers)
  const resource = target.rawQuery === '' ? level : resourceOf(level, target)
  const found = resources.get(resource)?.get(method)
  const byHeader = headers.has(copySource) ? found?.byHeader : undefined
  const entry = byHeader ?? found?.plain
  if (entry === undefined)
    throw serviceError('MethodNotAllowed', {
      details: { Method: method.slice(0, 32), ResourceType: level.toUpperCase() },
    })
  const { run } = entry
  return { ...entry, run: run ?? refusal(entry) }
}

function refuseMisplaced(method: string, level: string, { query }: RequestTarget, headers: HeaderMap): void {
  const source = headers.get(copySource)
  if (source !== undefined && (method === 'POST' ? query.has('uploadId') : method !== 'PUT')) {
    throw invalidArgument('You can only specify a copy source header for copy requests.', copySource, source)
  }
  if (level !== 'object') return
  const ofBucket = method === 'GET' ? ['uploads', 'versions'].find(name => query.has(name)) : undefined
  if (ofBucket !== undefined) {
    throw serviceError('InvalidRequest', {
      message:
        ofBucket === 'uploads'
          ? 'Key is not expected for the GET method ?uploads subresource'
          : `There is no such thing as the ?${ofBucket} sub-resource for a key`,
    })
  }
  if (method === 'PUT' && query.has('uploadId') && !query.has('partNumber')) {
    throw serviceError('MethodNotAllowed', { details: { Method: method, ResourceType: 'UPLOAD' } })
  }
}

function resourceOf(level: string, target: RequestTarget): string {
  for (const name of target.query.keys()) {
    if (resources.has(`${level}?${name}`)) return `${level}?${name}`
    if (level !== 'service' && parameters.has(name)) throw notHere(name)
  }
  return level
}

/** What is not here is said to those only who could use it if it were. */
function refusal({ name, resource }: OperationEntry): Operation {
  return async call => {
    if (name === 'SelectObjectContent') refuseAnonymous(call)
    await openBucket(call)
    throw notHere(resource.split('?')[1] ?? name)
  }
}

function notHere(parameter: string) {
  return serviceError('NotImplemented', { details: { Parameter: parameter } })
}
