// What the main thread and a worker thread of the S3 port say to each other. Everything here can be cloned.
import type { MessagePort } from 'node:worker_threads'
import type { Account } from '../../accounts/account-directory.ts'
import type { DataKey } from '../../base/sealed-bytes.ts'
import type { FailureFacts } from '../../domain/failure.ts'
import type { SealedLocation } from '../../domain/object-metadata.ts'
import type { WrappedKey } from '../../locations/master-keys.ts'
import type { BucketChanges } from '../../metadata/sqlite/bucket-cache.ts'
import type { Answer } from '../../s3/call.ts'
import type { BridgedEvent } from './event-bridge.ts'
import type { Plain } from './secret-form.ts'

/** What a worker begins with. */
export interface WorkerSetup {
  /** The Config, with its secrets in plain form and the addresses on which to listen. */
  readonly config: Plain
  readonly accounts: readonly Account[]
  readonly databasePath: string
  readonly epoch: number
  /** What the names of its data begin with: no other worker has or had it. */
  readonly writer: string
  readonly storePort: MessagePort
  readonly bucketChanges: BucketChanges | null
  readonly flush: boolean
}

/** A request for the control API, which only the main thread can answer. */
export interface ApiRequest {
  readonly method: string
  readonly target: string
  readonly body: Uint8Array
}

/** What a worker asks, with what it is answered. */
export interface Questions {
  api: { question: ApiRequest; answer: Answer }
  /** There is one who makes a master key when the first is needed. */
  wrap: { question: Uint8Array; answer: WrappedKey }
  'data-key': { question: SealedLocation; answer: DataKey }
}

export type QuestionKind = keyof Questions

export type Asked = {
  readonly [Kind in QuestionKind]: { readonly about: Kind; readonly question: Questions[Kind]['question'] }
}[QuestionKind]

export type AnswerMessage =
  | { readonly ok: true; readonly value: unknown }
  /** `failure`: the facts of a Failure; null for a defect. */
  | { readonly ok: false; readonly failure: FailureFacts | null }

export type WorkerOrder =
  | { readonly kind: 'answer'; readonly id: number; readonly answer: AnswerMessage }
  /** Answered with `told` when everything that is being read has been told. */
  | { readonly kind: 'tell'; readonly id: number }
  /** From now on these may sign. */
  | { readonly kind: 'accounts'; readonly accounts: readonly Account[] }
  | { readonly kind: 'close' }

export type WorkerMessage =
  | { readonly kind: 'listening' }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'events'; readonly events: readonly BridgedEvent[] }
  | { readonly kind: 'ask'; readonly id: number; readonly asked: Asked }
  /** Data that must not be removed until it is let go. */
  | { readonly kind: 'hold'; readonly id: number; readonly location: string; readonly dataKeys: readonly string[] }
  | { readonly kind: 'let-go'; readonly id: number }
  | { readonly kind: 'told'; readonly id: number }
