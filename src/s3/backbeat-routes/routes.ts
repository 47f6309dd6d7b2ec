// The `/_/backbeat/...` routes on the S3 port: who may, which handler, and one place where everything that goes wrong becomes an answer. The
// account is checked before anything else, so that strangers learn nothing of what is there.
import { defects } from '../../base/channels.ts'
import { ServiceError, serviceError } from '../../domain/errors.ts'
import { Failure } from '../../domain/failure.ts'
import { limits } from '../../domain/limits.ts'
import { openPayload } from '../auth/payload-check.ts'
import type { Answer } from '../call.ts'
import { readSmallBody } from '../http/request-body.ts'
import { checkKeyLength } from '../http/request-target.ts'
import type { ApiHandler, BackbeatCall, BackbeatHandler } from './backbeat-call.ts'
import { batchDelete } from './batch-delete.ts'
import { type CloudPlace, checkCloudHeaders } from './cloud-headers.ts'
import {
  type CloudOperation,
  deleteObject,
  deleteTagging,
  putLock,
  putObject,
  putObjectToFile,
  putTagging,
} from './cloud-objects.ts'
import { cloudMetadata, destinationHistory, probe, unfinishedUploads } from './cloud-queries.ts'
import { abort, complete, initiate, putPart } from './cloud-uploads.ts'
import { putData } from './data.ts'
import { getMetadata, putMetadata } from './metadata.ts'
import { CloudRefusal, cloudRefusal, refusalAnswer } from './wire-answer.ts'

/** By method and operation. */
const cloudOperations: Readonly<Record<string, CloudOperation>> = {
  'PUT putobject': putObject,
  'PUT putpart': putPart,
  'POST initiatempu': initiate,
  'POST completempu': complete,
  'DELETE abortmpu': abort,
  'DELETE deleteobject': deleteObject,
  'POST puttagging': putTagging,
  'POST putobjectlock': putLock,
  'DELETE deleteobjecttagging': deleteTagging,
  // Ours, for our own gateway.
  'GET history': destinationHistory,
  'GET listuploads': unfinishedUploads,
  'GET probe': probe,
}

/** By method and resource. */
const handlers: Readonly<Record<string, BackbeatHandler>> = {
  'GET metadata': getMetadata,
  'PUT metadata': putMetadata,
  'PUT data': putDataOrObject,
  'GET multiplebackendmetadata': cloudMetadata,
  'POST batchdelete': batchDelete,
}

const objectResources: ReadonlySet<string> = new Set([
  'metadata',
  'data',
  'multiplebackenddata',
  'multiplebackendmetadata',
])

/** Finds and runs the handler. Throws ServiceError and CloudRefusal. */
export async function runBackbeatCall(call: BackbeatCall, api: ApiHandler | undefined): Promise<Answer> {
  if (call.resource === 'api') return runApi(call, api)
  const { method } = call.head
  if (objectResources.has(call.resource)) {
    if (call.bucket === '' || call.key === '') throw serviceError('MethodNotAllowed')
    checkKeyLength(call.key)
  }
  if (call.resource === 'multiplebackenddata') return runCloudOperation(call, call.query.get('operation') ?? '')
  const name = `${method} ${call.resource}`
  const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined
  if (handler === undefined) throw serviceError('MethodNotAllowed')
  return withCloudWords(call.resource, '', () => handler(call))
}

async function runCloudOperation(call: BackbeatCall, operation: string, storageType?: string): Promise<Answer> {
  const name = `${call.head.method} ${operation}`
  const run = Object.hasOwn(cloudOperations, name) ? cloudOperations[name] : undefined
  if (run === undefined) throw serviceError('MethodNotAllowed')
  const place: CloudPlace = checkCloudHeaders(call, operation, storageType)
  if (place.kind === 'cloud') {
    const { destination } = place
    return withCloudWords(operation, destination.location.type, () => run(call, destination))
  }
  if (operation === 'putobject') return putObjectToFile(call, place.name)
  throw serviceError('NotImplemented', { message: `The location ${place.name} takes whole objects only.` })
}

/** With a storage type and class, `PUT data` is a cloud's putobject. */
function putDataOrObject(call: BackbeatCall): Promise<Answer> {
  const { headers } = call
  const type = headers.get('x-scal-replication-storage-type') ?? headers.get('x-scal-storage-type')
  const isForCloud = type !== undefined && headers.has('x-scal-storage-class')
  return isForCloud ? runCloudOperation(call, 'putobject', type) : putData(call)
}

async function withCloudWords(operation: string, type: string, run: () => Promise<Answer>): Promise<Answer> {
  try {
    return await run()
  } catch (error) {
    throw error instanceof Failure ? cloudRefusal(error, operation, type) : error
  }
}

const apiPrefix = '/_/backbeat/api'

/** The control API is for administrators: service accounts have no business with pauses. */
async function runApi(call: BackbeatCall, api: ApiHandler | undefined): Promise<Answer> {
  if (!call.account.admin) throw serviceError('AccessDenied')
  const { rawPath, rawQuery } = call.target
  // The prefix may have come percent-encoded; then it is none that anybody sends.
  if (api === undefined || !rawPath.startsWith(`${apiPrefix}/`)) throw serviceError('MethodNotAllowed')
  const check = openPayload(call.auth.payload, call.headers, { contentMd5: 'ignore' })
  const body = await readSmallBody(call.body, check, limits.controlBodyBytes)
  const path = rawPath.slice(apiPrefix.length)
  const target = rawQuery === '' ? path : `${path}?${rawQuery}`
  return api({ method: call.head.method, target, body, requestId: call.requestId, signal: call.signal() })
}

/** The answer for whatever a call threw; what is no refusal is a defect and says nothing of itself. */
export function answerError(error: unknown, requestId: string): Answer {
  if (error instanceof ServiceError || error instanceof CloudRefusal) return refusalAnswer(error, requestId)
  defects.publish({ where: 'Backbeat routes', requestId, error })
  return refusalAnswer(serviceError('InternalError', { cause: error }), requestId)
}
