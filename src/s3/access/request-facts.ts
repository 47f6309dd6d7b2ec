// What a request says that policies may ask for: facts, not judgements. Read from the call when a condition asks for it, never before.
import type { SignatureScheme } from '../auth/auth-result.ts'
import type { Action } from './actions.ts'
import type { Requester } from './requester.ts'

/** What is known only once more than the head of the request was read. */
export interface LaterFacts {
  /** The tags that the request sets, where they stand in its body. */
  readonly requestTags?: Readonly<Record<string, string>>
  /** Retention and legal hold that stand in the body, by the names of their headers (x-amz-object-lock-...). */
  readonly lock?: ReadonlyMap<string, string>
}

export interface RequestFacts extends LaterFacts {
  readonly requester: Requester
  /** Of the requester: the account's, or that of one of its users; undefined for anonymous requests. */
  readonly arn: string | undefined
  readonly action: Action
  /** Of the bucket's owner: 12 digits. */
  readonly resourceAccount: string | undefined
  /** By name in lower case; '' for what the request has not. */
  readonly header: (name: string) => string | undefined
  readonly query: (name: string) => string | undefined
  /** Epoch milliseconds. */
  readonly now: number
  readonly address: string
  readonly secure: boolean
  readonly scheme: SignatureScheme | undefined
  /** Of the version that is asked for; undefined when none is looked at. */
  readonly existingTags?: Readonly<Record<string, string>> | undefined
}
