// Goal: what a rule says decides where a version goes: filters by prefix and tags, priorities, delete markers that are not to be sent, rules for
// different sites, the default site; what one site cannot hold is FAILED there and nowhere else. Method: real servers, read with the vendors' SDKs,
// both ways of the replication half.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  DeleteObjectCommand,
  GetBucketReplicationCommand,
  PutObjectCommand,
  type ReplicationConfiguration,
} from '@aws-sdk/client-s3'
import { azureServer, s3Server } from '../services/available.ts'
import { eventually } from '../until.ts'
import {
  destinationOf,
  drained,
  openTwoClouds,
  prefixRule,
  quickRetries,
  replicatedBucket,
  statusOf,
  type TwoClouds,
  untilStatus,
  versionsIn,
} from './two-clouds.ts'

const s3 = await s3Server()
const azure = await azureServer()
const skip = s3.skip || azure.skip
let clouds: TwoClouds

after(async () => {
  await s3.stop()
  await azure.stop()
})

for (const gateway of ['direct', 'http'] as const)
  describe(`by the gateway ${gateway}`, () => {
    before(async () => {
      if (skip) return
      clouds = await openTwoClouds({ s3: s3.get(), azure: azure.get() }, { replication: { ...quickRetries, gateway } })
    })

    after(async () => {
      await clouds?.close()
    })

    type Rule = NonNullable<ReplicationConfiguration['Rules']>[number]

    function filterRule(
      id: string,
      priority: number,
      filter: Rule['Filter'],
      storageClass: string,
      markers: 'Enabled' | 'Disabled' = 'Disabled',
    ): Rule {
      return {
        ID: id,
        Priority: priority,
        Filter: filter,
        Status: 'Enabled',
        DeleteMarkerReplication: { Status: markers },
        Destination: destinationOf(storageClass),
      }
    }

    async function put(bucket: string, key: string, tagging?: string): Promise<string> {
      const tags = tagging === undefined ? {} : { Tagging: tagging }
      const answer = await clouds.source.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: key, ...tags }))
      return answer.VersionId ?? ''
    }

    async function remove(bucket: string, key: string): Promise<void> {
      await clouds.source.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }))
    }

    /** Keys at each destination that came from a bucket: at S3 with the number of versions and markers. */
    async function arrivals(
      bucket: string,
    ): Promise<{ readonly s3: readonly string[]; readonly azure: readonly string[] }> {
      await drained(clouds)
      const prefix = `${bucket}/`
      const versions = (await versionsIn(clouds.far, clouds.s3.bucket)).filter(({ key }) => key.startsWith(prefix))
      const shown = versions.map(({ key, isMarker }) => `${key.slice(prefix.length)}${isMarker ? ' deleted' : ''}`)
      const blobs: string[] = []
      for await (const blob of clouds.container.listBlobsFlat({ prefix })) blobs.push(blob.name.slice(prefix.length))
      return { s3: shown.sort(), azure: blobs.sort() }
    }

    test('two rules send two prefixes to two sites', { skip }, async () => {
      const rules = [prefixRule('a', 'to-aws/', 'awsbackend'), prefixRule('z', 'to-azure/', 'azurebackend')]
      await replicatedBucket(clouds.source, 'split', rules)
      for (const key of ['to-aws/1', 'to-azure/1', 'nowhere/1']) await put('split', key)
      assert.deepEqual(await arrivals('split'), { s3: ['to-aws/1'], azure: ['to-azure/1'] })
      assert.deepEqual((await untilStatus(clouds.source, 'split', 'to-aws/1', 'COMPLETED')).sites, {
        awsbackend: 'COMPLETED',
      })
      assert.equal((await statusOf(clouds.source, 'split', 'nowhere/1')).overall, undefined)
    })

    test('a filter by tags sends only what has them at the PUT', { skip }, async () => {
      const both = {
        And: {
          Prefix: 'docs/',
          Tags: [
            { Key: 'copy', Value: 'yes' },
            { Key: 'class', Value: 'a b' },
          ],
        },
      }
      await replicatedBucket(clouds.source, 'tagged', [filterRule('t', 1, both, 'awsbackend,azurebackend')])
      await put('tagged', 'docs/1', 'copy=yes&class=a%20b&more=1')
      await put('tagged', 'docs/2', 'copy=yes')
      await put('tagged', 'docs/3')
      await put('tagged', 'other/1', 'copy=yes&class=a%20b')
      assert.deepEqual(await arrivals('tagged'), { s3: ['docs/1'], azure: ['docs/1'] })
    })

    test('per site the matching rule of highest priority decides, also about delete markers', { skip }, async () => {
      await replicatedBucket(clouds.source, 'priority', [
        filterRule('wide', 1, { Prefix: '' }, 'awsbackend,azurebackend', 'Enabled'),
        filterRule('narrow', 2, { Prefix: 'keep/' }, 'azurebackend', 'Disabled'),
      ])
      for (const key of ['keep/1', 'plain/1']) {
        await put('priority', key)
        await remove('priority', key)
      }
      assert.deepEqual(await arrivals('priority'), {
        s3: ['keep/1', 'keep/1 deleted', 'plain/1', 'plain/1 deleted'],
        azure: ['keep/1'],
      })
    })

    test('DeleteMarkerReplication Disabled keeps the copies', { skip }, async () => {
      await replicatedBucket(clouds.source, 'kept', [filterRule('k', 1, { Prefix: '' }, 'awsbackend,azurebackend')])
      await put('kept', '1')
      await remove('kept', '1')
      assert.deepEqual(await arrivals('kept'), { s3: ['1'], azure: ['1'] })
    })

    test('STANDARD, and no class at all, mean the default site', { skip }, async () => {
      const rules = [prefixRule('s', 'standard/', 'STANDARD'), prefixRule('n', 'none/', '')]
      await replicatedBucket(clouds.source, 'default', rules)
      await put('default', 'standard/1')
      await put('default', 'none/1')
      assert.deepEqual(await arrivals('default'), { s3: ['none/1', 'standard/1'], azure: [] })
      const shown = await untilStatus(clouds.source, 'default', 'standard/1', 'COMPLETED')
      assert.deepEqual(shown.sites, { awsbackend: 'COMPLETED' })
      const { ReplicationConfiguration } = await clouds.source.send(
        new GetBucketReplicationCommand({ Bucket: 'default' }),
      )
      assert.equal(ReplicationConfiguration?.Rules?.[0]?.Destination?.StorageClass, 'STANDARD')
    })

    test('a disabled rule sends nothing', { skip }, async () => {
      await replicatedBucket(clouds.source, 'disabled', [{ ...prefixRule('d', '', 'awsbackend'), Status: 'Disabled' }])
      await put('disabled', '1')
      assert.deepEqual(await arrivals('disabled'), { s3: [], azure: [] })
    })

    test('a key that Azure cannot hold is FAILED there with a reason, and COMPLETED at S3', { skip }, async () => {
      await replicatedBucket(clouds.source, 'unholdable')
      const deep = `${'d/'.repeat(300)}file`
      for (const key of [deep, 'ends with a dot.']) await put('unholdable', key)
      await put('unholdable', 'fine')
      const { s3: atS3, azure: atAzure } = await arrivals('unholdable')
      assert.deepEqual([atS3, atAzure], [[deep, 'ends with a dot.', 'fine'].sort(), ['fine']])
      const shown = await untilStatus(clouds.source, 'unholdable', deep, 'FAILED')
      assert.deepEqual(shown.sites, { awsbackend: 'COMPLETED', azurebackend: 'FAILED' })
      await eventually('both are listed as failed', async () => {
        const answer = await fetch(`http://${clouds.crossbeat.control}/_/crr/failed?sitename=azurebackend`)
        const { Versions } = (await answer.json()) as { Versions: readonly { Key: string; StorageClass: string }[] }
        assert.deepEqual(Versions.map(({ Key }) => Key).sort(), [deep, 'ends with a dot.'].sort())
        return true
      })
    })

    test('a key of 1,024 bytes has no room for the name of its bucket: FAILED at both sites', { skip }, async () => {
      await replicatedBucket(clouds.source, 'long')
      const key = Array.from({ length: 8 }, (_, index) => String(index).repeat(127))
        .join('/')
        .padEnd(1024, 'e')
      await put('long', key)
      // FAILED as soon as it is at one of them.
      await drained(clouds)
      const shown = await untilStatus(clouds.source, 'long', key, 'FAILED')
      assert.deepEqual(shown.sites, { awsbackend: 'FAILED', azurebackend: 'FAILED' })
      for (const site of ['awsbackend', 'azurebackend']) assert.equal(await clouds.crossbeat.backlog(site), 0)
    })
  })
