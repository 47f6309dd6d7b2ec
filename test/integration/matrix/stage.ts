// What the clients of the matrix have in common: the steps that each of them goes through, the place where it does so, and what must have
// come of it, seen by another client.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import {
  DeleteObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'

export const steps = [
  '0 bytes',
  '4 KiB',
  'multipart',
  'odd keys',
  'over 1,000 keys',
  'presigned GET',
  'presigned PUT',
  'versions',
  'batch delete',
  'sync up',
  'sync down',
  'checksums',
] as const

export type Step = (typeof steps)[number]

/** Why a client cannot do a step at all. */
export interface Cannot {
  readonly cannot: string
}

/** What a client does in each step, in their order. It throws when what came back is not what was sent. */
export type StepTable = Readonly<Record<Step, (() => Promise<void>) | Cannot>>

export interface StepResult {
  readonly step: Step
  readonly ms: number
  /** Why it failed. */
  readonly error?: string
  readonly cannot?: string
}

/** Names that clients get wrong; below `odd/`. */
export const oddNames: readonly string[] = [
  'a b',
  'a+b',
  'a%20b',
  'a%2Bb%25',
  'a&b=c?d#e',
  "it's (1)!*$",
  'a;b,c:d@e~f',
  '\u00fcn\u00ef/c\u00f6de',
  'cafe\u0301',
  '\u65e5\u672c\u8a9e',
  'smile \u{1f600}',
]

export const manyCount = 1_005
export const partBytes = 5 * 1024 ** 2
export const largeBytes = 12 * 1024 ** 2

/** Where one client works: buckets, a folder of its own, and the server's address. */
export interface Stage {
  /** host:port */
  readonly server: string
  readonly accessKey: string
  readonly secretKey: string
  /** Holds `many/` with its 1,005 objects. */
  readonly bucket: string
  /** Empty; the client switches versioning on. */
  readonly versioned: string
  readonly folder: string
  /** Another client, to look. */
  readonly eye: S3Client
}

/** Runs the steps one after the other; one that fails does not stop the next. */
export async function runSteps(table: StepTable): Promise<readonly StepResult[]> {
  const results: StepResult[] = []
  for (const step of steps) {
    const what = table[step]
    if (typeof what !== 'function') {
      results.push({ step, ms: 0, cannot: what.cannot })
      continue
    }
    const started = performance.now()
    const error = await what().then(
      () => undefined,
      failure => String(failure instanceof Error ? failure.message : failure),
    )
    results.push({ step, ms: performance.now() - started, ...(error !== undefined && { error }) })
  }
  return results
}

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}

/** Writes a file of random bytes; answers its path. */
export function randomFile(stage: Stage, name: string, size: number): string {
  const path = join(stage.folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, randomBytes(size))
  return path
}

export function sameFiles(one: string, other: string): void {
  assert.equal(md5(readFileSync(one)), md5(readFileSync(other)), `${one} and ${other}`)
}

/** Digests of the files below a folder, by path. */
export function treeOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  const found = files.map(({ parentPath, name }) => {
    const path = join(parentPath, name)
    return [relative(folder, path), md5(readFileSync(path))] as const
  })
  return Object.fromEntries(found.sort(([one], [other]) => (one < other ? -1 : 1)))
}

/** A folder with a file of each odd name. */
export function oddFolder(stage: Stage): string {
  for (const name of oddNames) {
    const path = join(stage.folder, 'odd', name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, name)
  }
  return join(stage.folder, 'odd')
}

/** A folder to synchronize: 30 files in three folders. */
export function syncFolder(stage: Stage): string {
  for (let file = 0; file < 30; file += 1) randomFile(stage, `tree/${file % 3}/file ${file}`, file * 100)
  return join(stage.folder, 'tree')
}

/** One file changed, one new, one gone. */
export function changeFolder(folder: string): void {
  writeFileSync(join(folder, '0', 'file 0'), 'changed')
  writeFileSync(join(folder, '1', 'new'), 'new')
  rmSync(join(folder, '2', 'file 2'))
}

/** The same in the bucket, behind the client's back. */
export async function changeBucket({ eye, bucket }: Stage, prefix: string): Promise<void> {
  await eye.send(new PutObjectCommand({ Bucket: bucket, Key: `${prefix}0/file 3`, Body: 'changed over there' }))
  await eye.send(new PutObjectCommand({ Bucket: bucket, Key: `${prefix}1/newer`, Body: 'newer' }))
  await eye.send(new DeleteObjectCommand({ Bucket: bucket, Key: `${prefix}2/file 5` }))
}

/** ETags of the objects below a prefix, by what follows it: of small objects, digests as `treeOf` has them. */
export async function bucketTree({ eye, bucket }: Stage, prefix: string): Promise<Record<string, string>> {
  const found: [string, string][] = []
  let token: string | undefined
  do {
    const page = await eye.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ...(token && { ContinuationToken: token }) }),
    )
    for (const { Key = '', ETag = '' } of page.Contents ?? [])
      found.push([Key.slice(prefix.length), ETag.replaceAll('"', '')])
    token = page.NextContinuationToken
  } while (token !== undefined)
  return Object.fromEntries(found.sort(([one], [other]) => (one < other ? -1 : 1)))
}

/** Ids of the versions of a key, newest first, and how many delete markers it has. */
export async function versionsOf(stage: Stage, key: string): Promise<{ ids: readonly string[]; markers: number }> {
  const listed = await stage.eye.send(new ListObjectVersionsCommand({ Bucket: stage.versioned, Prefix: key }))
  const ids = (listed.Versions ?? []).map(version => version.VersionId ?? '')
  return { ids, markers: listed.DeleteMarkers?.length ?? 0 }
}

/** The names below `odd/` are exactly those that were to be. */
export async function checkOddKeys(stage: Stage): Promise<void> {
  assert.deepEqual(Object.keys(await bucketTree(stage, 'odd/')).sort(), oddNames.toSorted())
}

export async function fetched(url: string): Promise<Buffer> {
  const answer = await fetch(url)
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`)
  return Buffer.from(await answer.arrayBuffer())
}
