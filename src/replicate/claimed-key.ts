// A key under a claim of this processor: while it waits for its turn it holds as little as it can.
import type { Claim } from '../metadata/ledger.ts'
import type { KeptClaim } from './claim-keeper.ts'
import type { KeyWork } from './key-order.ts'
import type { SourceVersion } from './source-gateway.ts'

/** A claimed key that waits for its turn, or runs. */
export interface ClaimedKey {
  readonly work: KeyWork
  readonly claim: Omit<TakenClaim, 'version'>
  /** Until it has begun: what its task has read is not kept until the result is written. */
  version: TakenClaim['version']
  readonly kept: KeptClaim
  /** Monotonic. */
  readonly claimedAt: number
}

type TakenClaim = Extract<Claim, { outcome: 'claimed' }>

/** The version that came with a claim; null: it is gone; undefined: it is to be read. */
export function takeVersion(claimed: ClaimedKey): SourceVersion | null | undefined {
  const version = claimed.version?.()
  claimed.version = undefined
  if (version === undefined || version === null) return version
  const { bucket, key, versionId } = claimed.claim.row
  const { metadata, revision, integrity, isNull, bytes } = version
  const whole = { bucket, key, versionId, metadata, revision, integrity, isNull }
  return bytes === undefined ? whole : { ...whole, bytes }
}
