// Objects at a cloud: put, delete, tags (Backbeat wire format, "Cloud data operations"). Each handler reads its headers, calls the code that the
// direct gateway calls too, and answers in the original's form.
import type { JsonObject } from '../../domain/backbeat-wire.ts'
import { serviceError } from '../../domain/errors.ts'
import { storedVersionId } from '../../domain/version-id.ts'
import type { WriteResult } from '../../locations/location.ts'
import {
  type Destination,
  deleteObject as deleteAtCloud,
  destinationKey,
  putObject as putAtCloud,
  putLock as putLockAtCloud,
  putTags as putTagsAtCloud,
} from '../../locations/multiple-backend.ts'
import type { Answer } from '../call.ts'
import { headerText } from '../http/answer.ts'
import type { BackbeatCall } from './backbeat-call.ts'
import { writeBody } from './cloud-body.ts'
import { attributesOf, lockOf, preconditionOf, tagsOf } from './cloud-headers.ts'
import { receiveFile } from './data.ts'
import { copyHeaders, jsonAnswer, writtenHeaders } from './wire-answer.ts'

/** A cloud operation at one destination. */
export type CloudOperation = (call: BackbeatCall, destination: Destination) => Promise<Answer>

/** One entry of the `location` list of an answer. */
export function locationOf(
  call: BackbeatCall,
  destination: Destination,
  written: WriteResult,
  stored: { readonly size: number | undefined; readonly etag: string },
): JsonObject {
  const { location } = destination
  return {
    dataStoreName: location.name,
    dataStoreType: location.type,
    key: destinationKey(destination, call),
    start: 0,
    size: stored.size,
    dataStoreETag: stored.etag,
    dataStoreVersionId: written.versionId === '' ? undefined : written.versionId,
  }
}

export const putObject: CloudOperation = async (call, destination) => {
  const copied = attributesOf(call.headers)
  const { result, facts } = await writeBody(call, { repeatable: false }, (source, checksums) =>
    putAtCloud(destination, call, source, checksums, copied, {
      signal: call.signal(),
      ...preconditionOf(call.headers),
    }),
  )
  const location = [locationOf(call, destination, result, { size: facts.size, etag: `1:${facts.md5Hex}` })]
  return jsonAnswer({ versionId: result.versionId, location }, copyHeaders(result, destination, copied))
}

/** A location that keeps bytes on this server takes an object as plain data, named by nothing yet. */
export async function putObjectToFile(call: BackbeatCall, name: string): Promise<Answer> {
  const { location, facts } = await receiveFile(call, name)
  const { key } = location
  const dataStoreETag = `1:${facts.md5Hex}`
  return jsonAnswer({
    versionId: '',
    location: [{ dataStoreName: name, key, start: 0, size: facts.size, dataStoreETag }],
  })
}

export const deleteObject: CloudOperation = async (call, destination) => {
  const context = { signal: call.signal(), ...preconditionOf(call.headers) }
  return jsonAnswer({}, writtenHeaders(await deleteAtCloud(destination, call, '', context)))
}

export const putTagging: CloudOperation = (call, destination) => replaceTags(call, destination, tagsOf(call.headers))

export const deleteTagging: CloudOperation = (call, destination) => {
  // Read for its form only: the original refuses it here too.
  tagsOf(call.headers)
  return replaceTags(call, destination, {})
}

async function replaceTags(
  call: BackbeatCall,
  destination: Destination,
  tags: Readonly<Record<string, string>>,
): Promise<Answer> {
  const versionId = await versionAtDestination(call, destination)
  const context = { signal: call.signal(), ...preconditionOf(call.headers) }
  const written = await putTagsAtCloud(destination, call, versionId, tags, context)
  return jsonAnswer({ versionId: written.versionId }, writtenHeaders(written))
}

/** An addition of ours: what keeps a copy, where the location can hold that. */
export const putLock: CloudOperation = async (call, destination) => {
  const lock = lockOf(call.headers)
  if (lock === undefined) throw serviceError('MalformedPOSTRequest')
  const versionId = await versionAtDestination(call, destination)
  const written = await putLockAtCloud(destination, call, versionId, lock, { signal: call.signal() })
  return jsonAnswer({ versionId: written.versionId }, writtenHeaders(written))
}

/** Characters of an internal version id without a suffix. */
const versionIdLength = 27

/** The destination's id of the version: as given, else looked up in the source's metadata. Throws NoSuchKey. */
async function versionAtDestination(call: BackbeatCall, destination: Destination): Promise<string> {
  const { headers, services } = call
  const given = headers.get('x-scal-data-store-version-id')
  if (given !== undefined && given !== '') return headerText(given)
  const keepsVersions = destination.location.capabilities.versions
  const bucket = headers.get('x-scal-source-bucket')
  if (given === undefined || bucket === undefined) {
    if (keepsVersions) throw serviceError('NoSuchKey')
    return ''
  }
  const sourceVersion = headers.get('x-scal-source-version-id') ?? ''
  // The id ends in blanks where the replication group is short, and HTTP takes blanks at an end away.
  const version = sourceVersion === '' ? 'null' : storedVersionId(headerText(sourceVersion).padEnd(versionIdLength))
  const record = await services.store.version({ bucket: headerText(bucket), key: call.key, version })
  const site = headers.get('x-scal-replication-endpoint-site') ?? destination.location.name
  const backend = record?.metadata.replicationInfo.backends.find(candidate => candidate.site === site)
  const known = backend?.dataStoreVersionId ?? ''
  if (record === null || (known === '' && keepsVersions)) throw serviceError('NoSuchKey')
  return known
}
