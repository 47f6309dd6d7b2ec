// Clients that put, overwrite, delete and tag objects by all front ends at once, and remember what was acknowledged to them.
import { createHash } from 'node:crypto'
import { DeleteObjectCommand, PutObjectCommand, PutObjectTaggingCommand, S3Client } from '@aws-sdk/client-s3'
import type { Keys } from '../../process/crossbeat.ts'
import { until } from '../../until.ts'

export interface Acknowledged {
  readonly key: string
  readonly versionId: string
  /** Null: a delete marker. */
  readonly md5: string | null
}

/** A story that lasts is loaded less and less: counting each version at the end takes longer than putting it. */
const slowerAfter = 100
const clients = 5
const keysOfEach = 6
const sizes = [0, 900, 4096, 4096, 30_000, 200_000]
/** Copied in parts by the settings of the fault tests. */
export const largeBytes = 6_000_000

/** A client that gives up in time, so that a test goes on when a server does not answer; its clock goes with the server's. */
export function boundedClient(endpoint: string, keys: Keys, clockMs = 0): S3Client {
  return new S3Client({
    endpoint: `http://${endpoint}`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: keys.accessKey, secretAccessKey: keys.secretKey },
    maxAttempts: 1,
    systemClockOffset: clockMs,
    requestHandler: { connectionTimeout: 2_000, requestTimeout: 8_000, throwOnRequestTimeout: true },
  })
}

export interface LoadOptions {
  readonly bucket: string
  readonly frontEnds: readonly S3Client[]
  readonly random: () => number
  /** Part of the puts that are large. */
  readonly large?: number
  /** Between two requests of a client, at first. */
  readonly paceMs?: number
}

/** Begins at once. Each client has keys of its own, so that the order of what was acknowledged is the order of the versions. */
export class Load {
  readonly acknowledged: Acknowledged[] = []
  /** Requests without a good answer. */
  failures = 0
  readonly #options: LoadOptions
  readonly #work: Promise<unknown>
  #stopped = false

  constructor(options: LoadOptions) {
    this.#options = options
    this.#work = Promise.all(Array.from({ length: clients }, (_, name) => this.#client(name)))
  }

  /** Resolves when so many more requests were acknowledged. */
  async more(count: number, withinMs = 120_000): Promise<void> {
    const wanted = this.acknowledged.length + count
    await until(`${count} more are acknowledged`, () => this.acknowledged.length >= wanted, withinMs)
  }

  async stop(): Promise<readonly Acknowledged[]> {
    this.#stopped = true
    await this.#work
    return this.acknowledged
  }

  async #client(name: number): Promise<void> {
    const { bucket, random, paceMs = 30 } = this.#options
    for (let count = 0; !this.#stopped; count += 1) {
      const address = { Bucket: bucket, Key: `c${name}/k${Math.floor(random() * keysOfEach)}` }
      try {
        await this.#request(address, count)
      } catch {
        // Not acknowledged, or nothing there to tag: it may have been done or not, both are right.
        this.failures += 1
      }
      const waitMs = random() * 2 * paceMs * (1 + this.acknowledged.length / slowerAfter)
      await new Promise(resolve => setTimeout(resolve, waitMs))
    }
  }

  async #request(address: { Bucket: string; Key: string }, count: number): Promise<void> {
    const { frontEnds, random, large = 0.01 } = this.#options
    const client = frontEnds[Math.floor(random() * frontEnds.length)]
    if (client === undefined) throw new Error('there is no front end')
    const { Key: key } = address
    const dice = random()
    if (dice < 0.12) {
      const { VersionId: versionId = '' } = await client.send(new DeleteObjectCommand(address))
      this.acknowledged.push({ key, versionId, md5: null })
    } else if (dice < 0.22) {
      const Tagging = { TagSet: [{ Key: 'count', Value: String(count) }] }
      await client.send(new PutObjectTaggingCommand({ ...address, Tagging }))
    } else {
      const size = random() < large ? largeBytes : (sizes[Math.floor(random() * sizes.length)] ?? 0)
      const Body = Buffer.alloc(size, `${key} ${count} ${random()}`)
      const Metadata = { count: String(count) }
      const { VersionId: versionId = '' } = await client.send(new PutObjectCommand({ ...address, Body, Metadata }))
      this.acknowledged.push({ key, versionId, md5: createHash('md5').update(Body).digest('hex') })
    }
  }
}
