// Delivers access logs: lines wait in memory for a little, then go as one object into the bucket that their bucket's configuration names, written as
// its owner would, but never locked by a default retention. What is delivered is no request and is never logged itself. As S3's, these logs are made as well as they can be: a crash loses
// what still waits, and what cannot be delivered, or is more than may wait, is given up and said.
import { pipelineNotices } from '../../base/channels.ts'
import type { Timer } from '../../base/world.ts'
import type { LogGrant, LoggingConfiguration } from '../../domain/access-log.ts'
import type { Bucket } from '../../domain/bucket.ts'
import { limits } from '../../domain/limits.ts'
import type { Call, S3Services } from '../call.ts'
import { parseRequestTarget } from '../http/request-target.ts'
import { storeObject } from '../operations/put-object.ts'

export interface AccessLog {
  /** Takes a line about a request to a bucket that is logged. */
  add(bucket: Bucket, configuration: LoggingConfiguration, line: string): void
  /** Delivers what waits. */
  close(): Promise<void>
}

interface Waiting {
  readonly bucket: Bucket
  readonly configuration: LoggingConfiguration
  readonly lines: string[]
  readonly timer: Timer
  bytes: number
}

export function createAccessLog(services: S3Services, nextRequestId: () => string): AccessLog {
  return new WaitingLog(services, nextRequestId)
}

class WaitingLog implements AccessLog {
  readonly #services: S3Services
  readonly #nextRequestId: () => string
  readonly #waiting = new Map<string, Waiting>()
  readonly #underWay = new Set<Promise<void>>()
  /** Names of targets that have come to have a default retention. */
  readonly #locking = new Set<string>()
  /** Bytes that wait or are under way. */
  #held = 0
  #isFull = false
  #closed = false

  constructor(services: S3Services, nextRequestId: () => string) {
    this.#services = services
    this.#nextRequestId = nextRequestId
  }

  add(bucket: Bucket, configuration: LoggingConfiguration, line: string): void {
    if (this.#closed || !this.#hasRoom(bucket, line.length)) return
    const id = JSON.stringify([configuration, bucket.ownerId, ...(configuration.partitionedBy ? [bucket.name] : [])])
    const waiting = this.#waiting.get(id) ?? this.#begin(id, bucket, configuration)
    waiting.lines.push(line)
    waiting.bytes += line.length
    this.#held += line.length
    if (waiting.bytes >= limits.accessLogBytes) this.#deliver(id)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const id of [...this.#waiting.keys()]) this.#deliver(id)
    // A location that does not answer keeps nobody from ending.
    await new Promise<void>(resolve => {
      const timer = this.#services.world.timers.after(limits.accessLogCloseMs, resolve)
      void Promise.all(this.#underWay).then(() => {
        timer.cancel()
        resolve()
      })
    })
  }

  /** Said once, when the first line is given up. */
  #hasRoom(bucket: Bucket, bytes: number): boolean {
    const isFull = this.#held + bytes > limits.accessLogHeldBytes
    if (isFull && !this.#isFull) {
      const error = new Error(`more than ${limits.accessLogHeldBytes} bytes wait for delivery: lines are given up`)
      pipelineNotices.publish({ kind: 'failed', what: `taking lines for the access log of ${bucket.name}`, error })
    }
    this.#isFull = isFull
    return !isFull
  }

  #begin(id: string, bucket: Bucket, configuration: LoggingConfiguration): Waiting {
    const timer = this.#services.world.timers.after(limits.accessLogMs, () => this.#deliver(id), { background: true })
    const waiting: Waiting = { bucket, configuration, lines: [], timer, bytes: 0 }
    this.#waiting.set(id, waiting)
    return waiting
  }

  #deliver(id: string): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    this.#waiting.delete(id)
    waiting.timer.cancel()
    const delivery = this.#write(waiting).catch((error: unknown) => {
      pipelineNotices.publish({ kind: 'failed', what: `delivering the access log of ${waiting.bucket.name}`, error })
    })
    this.#underWay.add(delivery)
    void delivery.then(() => {
      this.#underWay.delete(delivery)
      this.#held -= waiting.bytes
    })
  }

  async #write({ bucket, configuration, lines }: Waiting): Promise<void> {
    const { store, accounts } = this.#services
    const target = await store.bucket(configuration.targetBucket)
    const owner = accounts.findByCanonicalId(bucket.ownerId)
    // Made anew by somebody else since, or the account is gone: nobody to deliver to.
    if (target === null || target.ownerId !== bucket.ownerId || owner === undefined) return
    const bytes = Buffer.from(`${lines.join('\n')}\n`)
    const key = this.#keyOf(bucket, configuration, owner.shortId)
    const requestId = this.#nextRequestId()
    const grants = grantHeaders(configuration.grants ?? [], bucket.ownerId)
    const delivery = { services: this.#services, requestId, owner, bucket: target.name, key, bytes, grants }
    this.#sayLocking(bucket, target)
    await storeObject(deliveryCall(delivery), 's3:ObjectCreated:Put', () => ({}))
  }

  /**
   * Said once. A bucket with a default retention is refused as a target, but a target may come to have one: locked log objects could not be removed,
   * and if lines were given up instead, whoever sets it could end the log.
   */
  #sayLocking(bucket: Bucket, { name, settings }: Bucket): void {
    const isLocking = settings.objectLock?.defaultRetention !== undefined
    if (isLocking && !this.#locking.has(name)) {
      const what = `the access log of ${bucket.name} goes to ${name}, whose default retention is not applied to log objects`
      pipelineNotices.publish({ kind: 'warning', what })
    }
    if (isLocking) this.#locking.add(name)
    else this.#locking.delete(name)
  }

  /** `<prefix>[<account>/<region>/<bucket>/YYYY/MM/DD/]YYYY-MM-DD-hh-mm-ss-<unique>` */
  #keyOf(bucket: Bucket, { targetPrefix, partitionedBy }: LoggingConfiguration, account: string): string {
    const { clock, random } = this.#services.world
    const time = new Date(clock.now()).toISOString().slice(0, 19)
    const unique = Buffer.from(random.bytes(8)).toString('hex').toUpperCase()
    const folders =
      partitionedBy === undefined
        ? ''
        : `${account}/${bucket.locationConstraint}/${bucket.name}/${time.slice(0, 10).replaceAll('-', '/')}/`
    return `${targetPrefix}${folders}${time.replace(/[T:]/g, '-')}-${unique}`
  }
}

/** The headers that ask for the grants of the configuration, beside the owner's. */
function grantHeaders(grants: readonly LogGrant[], owner: string): readonly (readonly [string, string])[] {
  if (grants.length === 0) return []
  const all: readonly LogGrant[] = [...grants, { grantee: owner, permission: 'FULL_CONTROL' }]
  const named = ({ grantee }: LogGrant) => (grantee.startsWith('http://') ? `uri="${grantee}"` : `id="${grantee}"`)
  return [...Map.groupBy(all, ({ permission }) => permission)].map(([permission, of]) => [
    `x-amz-grant-${permission.toLowerCase().replace('_', '-')}`,
    of.map(named).join(','),
  ])
}

interface Delivery {
  readonly services: S3Services
  readonly requestId: string
  readonly owner: NonNullable<ReturnType<S3Services['accounts']['findByCanonicalId']>>
  readonly bucket: string
  readonly key: string
  readonly bytes: Buffer
  readonly grants: readonly (readonly [string, string])[]
}

/** The owner's own PUT, without a connection behind it. */
function deliveryCall({ services, requestId, owner, bucket, key, bytes, grants }: Delivery): Call {
  const rawTarget = `/${bucket}/${encodeURIComponent(key)}`
  const headers = new Map([['content-length', String(bytes.length)], ['content-type', 'text/plain'], ...grants])
  const target = parseRequestTarget(rawTarget)
  return {
    services,
    requestId,
    head: { method: 'PUT', rawTarget, headers },
    headers,
    target,
    query: target.query,
    auth: {
      kind: 'signed',
      account: owner,
      arn: owner.arn,
      accessKey: '',
      scheme: 'v4',
      payload: { kind: 'unsigned' },
    },
    isSecure: true,
    clientAddress: '127.0.0.1',
    action: 's3:PutObject',
    bucket,
    key,
    body: {
      receive: async (check, sink) => {
        for (const piece of check.push(bytes)) await sink.take(piece)
        return check.end()
      },
    },
    opened: () => undefined,
    signal: () => new AbortController().signal,
  }
}
