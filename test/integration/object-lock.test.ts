// Goal: retentions and legal holds go where the location can hold them, with the write and when they change, and where it cannot the copy arrives
// all the same, with a warning that is counted. Method: an S3 destination whose bucket has object lock, and Azurite, which has none.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectLegalHoldCommand,
  GetObjectRetentionCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { azureServer, s3Server, uniqueName } from '../services/available.ts'
import { eventually } from '../until.ts'
import {
  drained,
  openTwoClouds,
  prefixRule,
  putRules,
  sdkClient,
  sites,
  type TwoClouds,
  untilStatus,
  versionsIn,
} from './two-clouds.ts'

const s3 = await s3Server()
const azure = await azureServer()
const skip = s3.skip || azure.skip
const copies = uniqueName('locked')
let clouds: TwoClouds

before(async () => {
  if (skip) return
  clouds = await openTwoClouds(
    { s3: s3.get(), azure: azure.get() },
    {
      async route(there) {
        const far = sdkClient(there.s3.endpoint, there.s3)
        await far.send(new CreateBucketCommand({ Bucket: copies, ObjectLockEnabledForBucket: true }))
        far.destroy()
        return { s3: { ...there.s3, bucket: copies, objectLock: true }, azure: there.azure }
      },
    },
  )
  await clouds.source.send(new CreateBucketCommand({ Bucket: 'kept', ObjectLockEnabledForBucket: true }))
  await putRules(clouds.source, 'kept', [prefixRule('all', '', sites.join(','))])
})

after(async () => {
  await clouds?.close()
  await s3.stop()
  await azure.stop()
})

const inAnHour = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 3_600_000)
const inTwoHours = new Date(inAnHour.getTime() + 3_600_000)

/** What keeps the one copy of a key at the S3 destination; a copy written anew would be a second one. */
async function keptThere(key: string) {
  const there = (await versionsIn(clouds.far, copies)).filter(version => version.key === `kept/${key}`)
  assert.equal(there.length, 1, `${key} is there once`)
  const named = { Bucket: copies, Key: `kept/${key}`, VersionId: there[0]?.versionId ?? '' }
  const retention = await clouds.far.send(new GetObjectRetentionCommand(named)).catch(() => null)
  const hold = await clouds.far.send(new GetObjectLegalHoldCommand(named)).catch(() => null)
  return {
    mode: retention?.Retention?.Mode,
    until: retention?.Retention?.RetainUntilDate?.toISOString(),
    hold: hold?.LegalHold?.Status,
  }
}

/** They are counted when an attempt ends, which need not be before its outcome is stored. */
function untilWarned(location: string, count: number): Promise<true> {
  return eventually(`${count} warnings`, async () => (await warnings(location)) >= count || undefined)
}

async function warnings(location: string): Promise<number> {
  const answer = await fetch(`http://${clouds.crossbeat.control}/metrics`)
  const pattern = new RegExp(`^crossbeat_replication_warnings_total\\{location="${location}"\\} (\\d+)$`, 'm')
  return Number(pattern.exec(await answer.text())?.[1] ?? 0)
}

test('retention and hold of a write arrive with it, small or in parts, and Azure has a warning each', {
  skip,
}, async () => {
  const before = await warnings('azurebackend')
  const lock = {
    ObjectLockMode: 'GOVERNANCE',
    ObjectLockRetainUntilDate: inAnHour,
    ObjectLockLegalHoldStatus: 'ON',
  } as const
  await clouds.source.send(new PutObjectCommand({ Bucket: 'kept', Key: 'small', Body: 'text', ...lock }))
  const upload = { Bucket: 'kept', Key: 'parts' }
  const { UploadId } = await clouds.source.send(new CreateMultipartUploadCommand({ ...upload, ...lock }))
  const part = await clouds.source.send(new UploadPartCommand({ ...upload, UploadId, PartNumber: 1, Body: 'part' }))
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag: part.ETag }] }
  await clouds.source.send(new CompleteMultipartUploadCommand({ ...upload, UploadId, MultipartUpload }))
  await clouds.source.send(new PutObjectCommand({ Bucket: 'kept', Key: 'free', Body: 'text' }))
  await drained(clouds)
  for (const key of ['small', 'parts']) {
    assert.deepEqual(await keptThere(key), { mode: 'GOVERNANCE', until: inAnHour.toISOString(), hold: 'ON' })
    await untilStatus(clouds.source, 'kept', key, 'COMPLETED')
  }
  await untilWarned('azurebackend', before + 2)
  assert.equal((await warnings('azurebackend')) - before, 2)
  assert.equal(await warnings('awsbackend'), 0)
})

test('changes go after the copy that is there, without a second one', { skip }, async () => {
  const key = { Bucket: 'kept', Key: 'changed' }
  await clouds.source.send(new PutObjectCommand({ ...key, Body: 'text' }))
  await drained(clouds)
  const retain = async (mode: 'GOVERNANCE', until: Date, bypass = false): Promise<void> => {
    const Retention = { Mode: mode, RetainUntilDate: until }
    await clouds.source.send(
      new PutObjectRetentionCommand({ ...key, Retention, ...(bypass && { BypassGovernanceRetention: true }) }),
    )
  }
  await retain('GOVERNANCE', inTwoHours)
  await clouds.source.send(new PutObjectLegalHoldCommand({ ...key, LegalHold: { Status: 'ON' } }))
  await drained(clouds)
  assert.deepEqual(await keptThere('changed'), { mode: 'GOVERNANCE', until: inTwoHours.toISOString(), hold: 'ON' })
  await retain('GOVERNANCE', inAnHour, true)
  await clouds.source.send(new PutObjectLegalHoldCommand({ ...key, LegalHold: { Status: 'OFF' } }))
  await drained(clouds)
  assert.deepEqual(await keptThere('changed'), { mode: 'GOVERNANCE', until: inAnHour.toISOString(), hold: 'OFF' })
  await untilStatus(clouds.source, 'kept', 'changed', 'COMPLETED')
})

test('an access control list arrives nowhere but in the warnings', { skip }, async () => {
  const before = [await warnings('awsbackend'), await warnings('azurebackend')]
  await clouds.source.send(new PutObjectCommand({ Bucket: 'kept', Key: 'shared', Body: 'text' }))
  await drained(clouds)
  await clouds.source.send(new PutObjectAclCommand({ Bucket: 'kept', Key: 'shared', ACL: 'public-read' }))
  await drained(clouds)
  await untilStatus(clouds.source, 'kept', 'shared', 'COMPLETED')
  assert.deepEqual(await keptThere('shared'), { mode: undefined, until: undefined, hold: undefined })
  for (const [at, site] of sites.entries()) await untilWarned(site, (before[at] ?? 0) + 1)
  const after = [await warnings('awsbackend'), await warnings('azurebackend')]
  assert.deepEqual(
    after.map((count, at) => count - (before[at] ?? 0)),
    [1, 1],
  )
})
