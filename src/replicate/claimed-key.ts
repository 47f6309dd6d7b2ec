// A key under a claim of this processor: while it waits for its turn it holds as little as it can.
import type { Claim } from '../metadata/ledger.ts'
import type { KeptClaim } from './claim-keeper.ts'
import type { KeyWork } from './key-order.ts'
import type { SourceVersion } from './source-gateway.ts'

/** A claimed key that waits for its turn, or runs. */
export interface ClaimedKey {
  readonly work: KeyWork
  readonly claim: Pick<TakenClaim, 'row' | 'applied' | 'token'>
  /** Until it has begun: what its task has read is not kept until the result is written. */
  version: TakenClaim['version']
  readonly kept: KeptClaim
  /** Monotonic. */
  readonly claimedAt: number
}

type TakenClaim = Extract<Claim, { outcome: 'claimed' }>

/** Hands out how to read the version that came with the claim (null: it is gone; undefined: it is to be read), and keeps nothing of it. */
export function takeVersion(claimed: ClaimedKey): () => SourceVersion | null | undefined {
  const read = claimed.version
  claimed.version = undefined
  const { bucket, key, versionId } = claimed.claim.row
  return () => {
    const version = read?.()
    return version && { bucket, key, versionId, ...version }
  }
}
