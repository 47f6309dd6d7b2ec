// Encrypts what a request writes: a data key for each piece, wrapped under a master key or under the customer's key, and what is kept of all that
// with the version. Bytes are never stored plain on the way.
import { createHmac } from 'node:crypto'
import { type DataKey, dataKeyOf } from '../../base/sealed-bytes.ts'
import { keyCheck, unwrapKey, wrapKey } from '../../base/wrapped-key.ts'
import { serviceError } from '../../domain/errors.ts'
import { Failure } from '../../domain/failure.ts'
import {
  type DataLocation,
  type Integrity,
  type ObjectMetadata,
  type SealedLocation,
  sealedScheme,
} from '../../domain/object-metadata.ts'
import type { S3Services } from '../call.ts'
import type { CustomerKey } from './customer-key.ts'
import type { WriteEncryption } from './write-encryption.ts'

/** One piece that is about to be written encrypted. */
export interface Sealing {
  readonly dataKey: DataKey
  /** What the piece says of it. */
  readonly fields: Pick<DataLocation, 'cryptoScheme' | 'cipheredDataKey' | 'masterKeyId'>
  /** The ETag of bytes with this MD5: with a customer's key it tells nothing of the bytes. */
  etagOf(md5Hex: string): string
}

const dataKeyBytes = 32

/** Null: the piece is to lie as it is. Throws NotImplemented where no master key is configured. */
export async function sealingOf(services: S3Services, encryption: WriteEncryption): Promise<Sealing | null> {
  if (encryption.kind === 'none') return null
  const { random } = services.world
  const bytes = Buffer.from(random.bytes(dataKeyBytes))
  const dataKey = dataKeyOf(bytes)
  const cryptoScheme = sealedScheme
  if (encryption.kind === 'managed') {
    const wrapped = await wrappedByMaster(services, bytes)
    return { dataKey, fields: { cryptoScheme, ...wrapped }, etagOf: md5Hex => md5Hex }
  }
  const cipheredDataKey = wrapKey(encryption.customerKey.key, bytes, random)
  return {
    dataKey,
    fields: { cryptoScheme, cipheredDataKey },
    etagOf: md5Hex => createHmac('sha256', bytes).update(md5Hex).digest('hex').slice(0, 32),
  }
}

async function wrappedByMaster(services: S3Services, dataKey: Uint8Array) {
  try {
    return await services.masterKeys.wrap(dataKey)
  } catch (error) {
    if (!(error instanceof Failure) || error.facts.code !== 'NoMasterKey') throw error
    throw serviceError('NotImplemented', { message: error.facts.message, cause: error })
  }
}

/** Finds the data keys of pieces; `customerKey` is the request's, if it came with one. */
export function dataKeyFinder(
  services: Pick<S3Services, 'masterKeys'>,
  customerKey: CustomerKey | undefined,
): (piece: SealedLocation) => Promise<DataKey> {
  return async piece => {
    const { masterKeyId, cipheredDataKey } = piece
    if (masterKeyId !== undefined || customerKey === undefined) return services.masterKeys.dataKey(piece)
    const bytes = unwrapKey(customerKey.key, cipheredDataKey)
    if (bytes !== null) return dataKeyOf(bytes)
    const message = 'The data key of the piece was not wrapped under the key of the request'
    throw new Failure({ class: 'object', code: 'SourceDataDamaged', message })
  }
}

/** What is kept of a version's or an upload's encryption: never a key. */
export type StoredEncryption =
  | { readonly kind: 'none' }
  | { readonly kind: 'managed'; readonly kmsKeyId?: string }
  | { readonly kind: 'customer'; readonly keyCheck: string }

/** Of that, what everybody may see. */
export type VisibleEncryption = Exclude<StoredEncryption, { kind: 'customer' }> | { readonly kind: 'customer' }

export function storedEncryption(services: S3Services, encryption: WriteEncryption): StoredEncryption {
  if (encryption.kind !== 'customer') return encryption
  return { kind: 'customer', keyCheck: keyCheck(encryption.customerKey.key, services.world.random) }
}

export type EncryptionFields = Pick<
  ObjectMetadata,
  | 'x-amz-server-side-encryption'
  | 'x-amz-server-side-encryption-aws-kms-key-id'
  | 'x-amz-server-side-encryption-customer-algorithm'
>

/** The fields of the public metadata that say how a version is encrypted. */
export function encryptionFields(encryption: VisibleEncryption): EncryptionFields {
  const kmsKeyId = encryption.kind === 'managed' ? (encryption.kmsKeyId ?? '') : ''
  const managed = kmsKeyId === '' ? 'AES256' : 'aws:kms'
  return {
    'x-amz-server-side-encryption': encryption.kind === 'managed' ? managed : '',
    'x-amz-server-side-encryption-aws-kms-key-id': kmsKeyId,
    'x-amz-server-side-encryption-customer-algorithm': encryption.kind === 'customer' ? 'AES256' : '',
  }
}

/** What lies beside the version: how to tell its key. */
export function encryptionCheck(encryption: StoredEncryption): Pick<Integrity, 'customerKeyCheck'> {
  return encryption.kind === 'customer' ? { customerKeyCheck: encryption.keyCheck } : {}
}
