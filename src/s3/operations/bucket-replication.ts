// PutBucketReplication, GetBucketReplication and DeleteBucketReplication. The body is judged before the bucket is looked at (Backbeat wire
// format: a malformed body on a missing bucket answers the body's error).
import { serviceError } from '../../domain/errors.ts'
import { openBucket, signerOf } from '../access/open-bucket.ts'
import { changeBucket } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { parseReplicationConfiguration, replicationConfigurationXml } from '../documents/replication-configuration.ts'
import { defaultXmlLimits, parseXml } from '../xml/reader.ts'

export async function putBucketReplication(call: Call): Promise<Answer> {
  signerOf(call.auth)
  const { services } = call
  const root = parseXml(
    await readDocument(call, { contentMd5: 'ignore' }),
    defaultXmlLimits,
    'ReplicationConfiguration',
  )
  const replication = parseReplicationConfiguration(root, services.sites, () => services.world.random.uuid())
  const { bucket } = await openBucket(call)
  if ((await changeBucket(call, bucket, { replication })) === 'refused') {
    throw serviceError('InvalidRequest', {
      message: "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
    })
  }
  return { status: 200 }
}

export async function getBucketReplication(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  if (bucket.replication === null) throw serviceError('ReplicationConfigurationNotFoundError')
  const body = replicationConfigurationXml(bucket.replication)
  return { status: 200, headers: ['Content-Type', 'application/xml'], body }
}

export async function deleteBucketReplication(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  await changeBucket(call, bucket, { replication: null })
  return { status: 204 }
}
