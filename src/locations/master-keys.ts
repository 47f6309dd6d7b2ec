// The master keys of server-side encryption: each encrypted piece of data has a key of its own, which lies beside it, wrapped under one of these.
// New ones are wrapped under the current master key; former ones still unwrap what was written under them.
import { type DataKey, dataKeyOf } from '../base/sealed-bytes.ts'
import type { Random } from '../base/world.ts'
import { unwrapKey, wrapKey } from '../base/wrapped-key.ts'
import { Failure } from '../domain/failure.ts'
import type { SealedLocation } from '../domain/object-metadata.ts'

export interface MasterKey {
  readonly id: string
  /** 32 bytes. */
  readonly key: Uint8Array
}

export interface WrappedKey {
  readonly cipheredDataKey: string
  readonly masterKeyId: string
}

export interface MasterKeys {
  /** Wraps a data key under the current master key. Rejects with Failure NoMasterKey where there is none. */
  wrap(dataKey: Uint8Array): Promise<WrappedKey>
  /** The data key of a piece. Rejects with Failure NoMasterKey (of that id, or another key under that id), or CustomerKey. */
  dataKey(piece: SealedLocation): Promise<DataKey>
}

export interface MasterKeysOptions {
  readonly keys: readonly MasterKey[]
  /** The one that wraps, made when it is first needed; null where there is none. */
  readonly current: (() => Promise<MasterKey>) | null
  readonly random: Random
}

export function createMasterKeys({ keys, current, random }: MasterKeysOptions): MasterKeys {
  const known = new Map(keys.map(key => [key.id, key]))
  return {
    async wrap(dataKey) {
      if (current === null) throw noMasterKey('Server-side encryption needs s3.encryption in the configuration')
      const { id, key } = await current()
      known.set(id, { id, key })
      return { cipheredDataKey: wrapKey(key, dataKey, random), masterKeyId: id }
    },
    async dataKey({ masterKeyId, cipheredDataKey }) {
      if (masterKeyId === undefined) throw customerKeyNeeded()
      const master = known.get(masterKeyId)
      const where = `the master key ${masterKeyId}`
      if (master === undefined) throw noMasterKey(`The data is encrypted under ${where}, which is not in s3.encryption`)
      const dataKey = unwrapKey(master.key, cipheredDataKey)
      if (dataKey === null) throw noMasterKey(`The data is not encrypted under ${where} that s3.encryption has`)
      return dataKeyOf(dataKey)
    },
  }
}

/** No master keys: nothing is encrypted, and nothing encrypted can be read. */
export function noMasterKeys(random: Random): MasterKeys {
  return createMasterKeys({ keys: [], current: null, random })
}

/** The configuration can be put right, so it is tried again. */
function noMasterKey(message: string): Failure {
  return new Failure({ class: 'transient', code: 'NoMasterKey', message })
}

function customerKeyNeeded(): Failure {
  const message = 'The version is encrypted with a key that only its writer has'
  return new Failure({ class: 'object', code: 'CustomerKey', message })
}
