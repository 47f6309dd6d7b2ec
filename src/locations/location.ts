// PORT: a place where bytes live at a destination or at the source. A small required set; what a cloud may lack is declared in
// `capabilities` and has a fallback in the caller. Errors are `Failure`s with one of five classes; adapters classify, callers decide.
// A write resolves only when the location itself has confirmed the checksum of what it stored (its answer, or a read-back).
import type { ByteSource } from '../base/byte-source.ts'

/** What is known of the bytes before they are sent. */
export interface KnownChecksums {
  /** Hex; absent for multipart objects. */
  readonly md5?: string
  /** Hex, 8 digits, of exactly the bytes of this write. */
  readonly crc32?: string
}

/** What an object carries besides its bytes, in S3's terms. User metadata names have no prefix. */
/** What keeps a version from being deleted (S3's object lock). What is left out is not spoken of: a change leaves it as it is. */
export interface ObjectLock {
  /** `until`: ISO 8601. One that has ended keeps nothing; null: there is none any more. */
  readonly retention?: { readonly mode: 'GOVERNANCE' | 'COMPLIANCE'; readonly until: string } | null
  readonly legalHold?: boolean
}

export interface ObjectAttributes {
  readonly contentType?: string
  readonly cacheControl?: string
  readonly contentDisposition?: string
  readonly contentEncoding?: string
  readonly contentLanguage?: string
  readonly expires?: string
  /** Decoded values, any Unicode; the adapter encodes them as its cloud demands. */
  readonly userMetadata: Readonly<Record<string, string>>
  /** Written last and never overridden by user metadata: the replication markers, names in S3 form (`scal-version-id`). */
  readonly markers: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
  /** Left out where the location can not hold it. */
  readonly lock?: ObjectLock
}

/** Write only if the destination is still as read: `absent`, or the current ETag. Ignored where `capabilities.conditionalWrites` is false. */
export type Precondition = { readonly kind: 'absent' } | { readonly kind: 'etag'; readonly etag: string }

export interface WriteResult {
  /** '' where the location has no versions. */
  readonly versionId: string
  readonly etag: string
}

export interface PartResult {
  readonly etag: string
  /** Azure: number of blocks. */
  readonly subParts?: number
}

export interface CompletedPart extends PartResult {
  readonly partNumber: number
  readonly size: number
  /** Hex. */
  readonly crc32?: string
}

/** What is stored under a key now, or one of its versions. */
export interface StoredObject {
  readonly versionId: string
  readonly etag: string
  readonly size: number
  readonly isLatest: boolean
  readonly isDeleteMarker: boolean
  readonly lastModified: string
  /** The replication markers found on it, names in S3 form; empty for delete markers. */
  readonly markers: Readonly<Record<string, string>>
  readonly checksum?: KnownChecksums
}

/** Code of the failure (class object) to remove a version that object lock keeps. */
export const lockedCode = 'ObjectLocked'

export interface Capabilities {
  /** Keeps every version of a key. */
  readonly versions: boolean
  readonly tags: boolean
  /** Holds retentions and legal holds: `lock` of the attributes, and `putLock`. */
  readonly objectLock: boolean
  /** Honours `Precondition`. */
  readonly conditionalWrites: boolean
  readonly objectBytesMax: number
  readonly partBytesMin: number
  readonly partBytesMax: number
  readonly partsMax: number
  readonly keyBytesMax: number
  /** Upload ids are chosen by the client; there is no initiate call. */
  readonly clientMadeUploadIds: boolean
}

export interface RequestContext {
  readonly signal?: AbortSignal
  /** Called when the last byte of the request has been handed to the network: from here on its outcome may be unknown. */
  readonly onSent?: () => void
}

export interface Location {
  readonly name: string
  readonly type: string
  readonly capabilities: Capabilities

  put(
    key: string,
    body: ByteSource,
    checksums: KnownChecksums,
    attributes: ObjectAttributes,
    context?: RequestContext & { readonly precondition?: Precondition },
  ): Promise<WriteResult>
  /** Streams [start, end) of an object; `versionId` '' is the current one. Absent: Failure(object), NoSuchKey or the cloud's own code. */
  get(
    key: string,
    versionId: string,
    range: { readonly start: number; readonly end: number } | null,
    context?: RequestContext,
  ): Promise<AsyncIterable<Uint8Array>>
  /** The current object (or the given version); null when absent. */
  head(key: string, versionId: string, context?: RequestContext): Promise<StoredObject | null>
  /** The key's versions and delete markers, newest first, with their markers; where there are no versions, the current object if any. */
  history(key: string, max: number, context?: RequestContext): Promise<readonly StoredObject[]>
  /** Without a version: adds a delete marker where there are versions, else removes the object; absent is success. With one: removes it. */
  delete(
    key: string,
    versionId: string,
    context?: RequestContext & { readonly precondition?: Precondition },
  ): Promise<WriteResult>
  /** Replaces the tags of an object or version; empty removes them. */
  putTags(
    key: string,
    versionId: string,
    tags: Readonly<Record<string, string>>,
    context?: RequestContext & { readonly precondition?: Precondition },
  ): Promise<WriteResult>

  /**
   * Replaces what keeps a version; there where `capabilities.objectLock` is. Refused by the
   * location, because it is kept longer there or nobody may shorten it: Failure(object).
   */
  readonly putLock?: (
    key: string,
    versionId: string,
    lock: ObjectLock,
    context?: RequestContext,
  ) => Promise<WriteResult>

  /** Where ids are made by the client, makes one and sends nothing. */
  initiateUpload(key: string, attributes: ObjectAttributes, context?: RequestContext): Promise<string>
  putPart(
    key: string,
    uploadId: string,
    partNumber: number,
    body: ByteSource,
    checksums: KnownChecksums,
    context?: RequestContext,
  ): Promise<PartResult>
  completeUpload(
    key: string,
    uploadId: string,
    parts: readonly CompletedPart[],
    attributes: ObjectAttributes,
    context?: RequestContext & { readonly precondition?: Precondition },
  ): Promise<WriteResult>
  /** Absent is success. */
  abortUpload(key: string, uploadId: string, context?: RequestContext): Promise<void>
  /** Unfinished uploads of a key at the location (to abort strays). */
  listUploads(key: string, context?: RequestContext): Promise<readonly string[]>

  /** Is the location there and does it accept us? Throws the Failure that explains why not. */
  probe(context?: RequestContext): Promise<void>
  close(): Promise<void>
}
