// What an operation is given and what it gives back. Operations are functions from a call to an answer: they never touch the socket, so
// that one place decides about headers, draining, keep-alive and what happens when something breaks.

import type { AccountDirectory } from '../accounts/account-directory.ts'
import type { World } from '../base/world.ts'
import type { LocationConfig, SiteConfig } from '../config/types.ts'
import type { Bucket } from '../domain/bucket.ts'
import type { DataStore, SendFrom } from '../locations/data-store.ts'
import type { MasterKeys } from '../locations/master-keys.ts'
import type { Destination } from '../locations/multiple-backend.ts'
import type { MetadataStore } from '../metadata/metadata-store.ts'
import type { Action } from './access/actions.ts'
import type { AuthResult } from './auth/auth-result.ts'
import type { Regions } from './auth/claim.ts'
import type { PayloadCheck, PayloadFacts } from './auth/payload-check.ts'
import type { HeaderMap, RequestHead } from './http/request-head.ts'
import type { RequestTarget } from './http/request-target.ts'

/** Everything the operations work with; one per server. */
export interface S3Services {
  readonly store: MetadataStore
  /** By name of the location. */
  readonly dataStores: ReadonlyMap<string, DataStore>
  /** Of server-side encryption. */
  readonly masterKeys: MasterKeys
  /** Cloud locations by name, for reads from a finished copy. */
  readonly destinations: ReadonlyMap<string, Destination>
  readonly accounts: AccountDirectory
  /** Which regions signatures may be for. */
  readonly regions: Regions
  readonly sites: readonly SiteConfig[]
  /** Names of the targets that buckets may send events to. */
  readonly notificationTargets: ReadonlySet<string>
  readonly locations: readonly LocationConfig[]
  readonly world: World
  /** Makes a name for bytes that go into the metadata store; never the same twice. */
  readonly inlineName: () => string
  /** Objects up to this many bytes lie in the metadata store. */
  readonly inlineBytes: number
}

/**
 * Takes the bytes of a body. A returned promise asks to wait before more is read; until it resolves, `take` may still be called for bytes
 * that had already arrived.
 */
export interface BodySink {
  take(piece: Buffer): Promise<void> | undefined
}

/** The request's body, not yet read. An operation that does not read it leaves it to the server to discard. */
export interface RequestBody {
  /** Its length shows only at its end, where it is checked by itself: the file of a form. */
  readonly isUnmeasured?: boolean
  /** Reads it once through the check into the sink. Throws ServiceError (digests, truncation, time-out) and whatever the sink throws. */
  receive(check: PayloadCheck, sink: BodySink): Promise<PayloadFacts>
}

export interface Call {
  readonly services: S3Services
  readonly requestId: string
  readonly head: RequestHead
  readonly headers: HeaderMap
  readonly target: RequestTarget
  readonly query: ReadonlyMap<string, string>
  readonly auth: AuthResult
  /** Came over TLS. */
  readonly isSecure: boolean
  /** IP address of the client; '' once the connection is gone. */
  readonly clientAddress: string
  /** What the operation does, on this version of the object if the request names one. */
  readonly action: Action
  /** '' for requests to the service itself. */
  readonly bucket: string
  /** '' for requests to a bucket or the service. */
  readonly key: string
  readonly body: RequestBody
  /** Told of the bucket that the request is about, once that is known, and of who asks for which key: a form's fields say that. */
  readonly opened: (bucket: Bucket, as: Call) => void
  /** How the answer's body, if it is a stream, sends parts of it beside its chunks. Left out: it cannot. */
  readonly sendFrom?: () => SendFrom
  /** Aborts when the client goes away. */
  readonly signal: () => AbortSignal
}

/** Names and values alternating, as they go on the wire. */
export type FlatHeaders = string[]

export interface Answer {
  readonly status: number
  readonly headers?: FlatHeaders
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>
  /** Body length; needed for streams and for HEAD, whose body is not sent. */
  readonly length?: number
  /** Code of the refusal, for telemetry. */
  readonly errorCode?: string
}

export type Operation = (call: Call) => Promise<Answer> | Answer
