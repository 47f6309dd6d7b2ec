// Reads `s3.encryption`: the master keys of server-side encryption, and which of them encrypts what is written from now on.
import { Secret } from '../base/secret.ts'
import { nearestName, type Report } from './problem.ts'
import { encryptionSchema } from './schema.ts'
import { fitsShape } from './shape.ts'
import type { EncryptionConfig } from './types.ts'

const path = ['s3', 'encryption']

/** Undefined where there is nothing, or something wrong, which is in the report. */
export function readEncryption(value: unknown, report: Report): EncryptionConfig | undefined {
  if (!fitsShape(encryptionSchema, value)) return undefined
  const { keys, current } = value
  const ids = keys.map(({ id }) => id)
  for (const [index, id] of ids.entries()) {
    const at = [...path, 'keys', index, 'id']
    if (ids.indexOf(id) < index) report.add(at, report.found(at, id), 'an id that no other key has')
  }
  const at = [...path, 'current']
  if (!ids.includes(current)) {
    report.add(at, report.found(at, current), 'the id of one of s3.encryption.keys', nearestName(current, ids))
  }
  return { keys: keys.map(({ id, key }) => ({ id, key: new Secret(key) })), current }
}
