// PutBucketVersioning and GetBucketVersioning. Versioning cannot be suspended under a replication configuration, disabled rules included.
import { serviceError } from '../../domain/errors.ts'
import { openBucket } from '../access/open-bucket.ts'
import { changeBucket } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { notImplemented, xmlAnswer } from '../http/answer.ts'
import { defaultXmlLimits, parseXml } from '../xml/reader.ts'
import { s3Namespace } from '../xml/writer.ts'

export async function putBucketVersioning(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const document = parseXml(await readDocument(call), defaultXmlLimits, 'VersioningConfiguration')
  const status = document.optionalText('Status')
  if (document.optionalText('MfaDelete') === 'Enabled') throw notImplemented('MfaDelete')
  if (status === undefined) throw serviceError('IllegalVersioningConfigurationException')
  if (status !== 'Enabled' && status !== 'Suspended') throw serviceError('MalformedXML')
  if ((await changeBucket(call, bucket, { versioning: status })) === 'refused') {
    throw serviceError('InvalidBucketState', {
      message:
        bucket.settings.objectLock !== undefined
          ? 'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.'
          : 'A replication configuration is present on this bucket, so you cannot change the versioning state. ' +
            'To change the versioning state, first delete the replication configuration.',
    })
  }
  return { status: 200 }
}

export async function getBucketVersioning(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const content = bucket.versioning === 'Unversioned' ? {} : { Status: bucket.versioning }
  return xmlAnswer('VersioningConfiguration', content, [], s3Namespace)
}
