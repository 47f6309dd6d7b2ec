// Questions to a cloud: the original's HEAD of a stored location, and what Crossbeat adds so that its own replication half can settle writes of
// unknown outcome over these routes: the key's history, its unfinished uploads, and whether the location answers at all.

import { isJsonObject } from '../../domain/backbeat-wire.ts'
import { serviceError } from '../../domain/errors.ts'
import { history, listUploads } from '../../locations/multiple-backend.ts'
import type { Answer } from '../call.ts'
import { headerText } from '../http/answer.ts'
import type { BackbeatCall } from './backbeat-call.ts'
import type { CloudOperation } from './cloud-objects.ts'
import { jsonAnswer } from './wire-answer.ts'

/** Entries of a history that are answered: what a write of unknown outcome has left is at the top. */
const historyMax = 20

/** `operation=history`: `{"history": [...]}`, newest first. */
export const destinationHistory: CloudOperation = async (call, destination) =>
  jsonAnswer({ history: await history(destination, call, historyMax, { signal: call.signal() }) })

/** `operation=listuploads`: `{"uploads": ["<upload id>"]}` of this very key. */
export const unfinishedUploads: CloudOperation = async (call, destination) =>
  jsonAnswer({ uploads: await listUploads(destination, call, { signal: call.signal() }) })

/** `operation=probe`: `{}` when the location accepts us. */
export const probe: CloudOperation = async (call, destination) => {
  await destination.location.probe({ signal: call.signal() })
  return jsonAnswer({})
}

/** `GET multiplebackendmetadata`: `{"lastModified": "..."}` of the first location of x-scal-locations. */
export async function cloudMetadata(call: BackbeatCall): Promise<Answer> {
  const first = firstLocation(call.headers.get('x-scal-locations') ?? '')
  const name = first?.['dataStoreName']
  const key = first?.['key']
  const destination = typeof name === 'string' ? call.destinations.get(name) : undefined
  if (destination === undefined || typeof key !== 'string' || key === '') {
    throw serviceError('InvalidRequest', { message: 'x-scal-locations header is invalid' })
  }
  const versionId = first?.['dataStoreVersionId']
  const version = typeof versionId === 'string' ? versionId : ''
  const stored = await destination.location.head(key, version, { signal: call.signal() })
  if (stored === null) throw serviceError('LocationNotFound')
  return jsonAnswer({ lastModified: stored.lastModified })
}

function firstLocation(header: string): Readonly<Record<string, unknown>> | undefined {
  let value: unknown
  try {
    value = JSON.parse(headerText(header))
  } catch {
    return undefined
  }
  const first: unknown = Array.isArray(value) ? value[0] : undefined
  return isJsonObject(first) ? first : undefined
}
