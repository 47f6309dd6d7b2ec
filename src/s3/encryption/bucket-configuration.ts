// The encryption configuration of a bucket as S3 writes it: exactly one rule (S3 API, PutBucketEncryption).
import { type BucketEncryption, defaultAlgorithms } from '../../domain/bucket-encryption.ts'
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import type { XmlElement } from '../xml/reader.ts'
import type { XmlContent } from '../xml/writer.ts'
import { checkedKeyName } from './write-encryption.ts'

/** Throws MalformedXML, InvalidArgument. */
export function parseBucketEncryption(root: XmlElement): BucketEncryption {
  const rule = root.requiredChild('Rule')
  const byDefault = readDefault(rule.optionalChild('ApplyServerSideEncryptionByDefault'))
  const blocked = readBlocked(rule.optionalChild('BlockedEncryptionTypes'))
  return {
    ...(byDefault === undefined ? undefined : { byDefault }),
    bucketKeyEnabled: readBoolean(rule, 'BucketKeyEnabled'),
    ...(blocked === undefined ? undefined : { blocked }),
  }
}

function malformed(element: string): ServiceError {
  return serviceError('MalformedXML', { details: { InvalidElement: element } })
}

function readDefault(element: XmlElement | undefined): BucketEncryption['byDefault'] {
  if (element === undefined) return undefined
  const text = element.requiredText('SSEAlgorithm')
  const algorithm = defaultAlgorithms.find(known => known === text)
  if (algorithm === undefined) throw malformed('SSEAlgorithm')
  const kmsKeyId = element.optionalText('KMSMasterKeyID')
  if (kmsKeyId === undefined) return { algorithm }
  if (algorithm !== 'AES256') return { algorithm, kmsKeyId: checkedKeyName(kmsKeyId, 'KMSMasterKeyID') }
  throw serviceError('InvalidArgument', {
    message: 'a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse',
    details: { ArgumentName: 'ApplyServerSideEncryptionByDefault' },
  })
}

function readBoolean(rule: XmlElement, name: string): boolean {
  const text = rule.optionalText(name) ?? 'false'
  if (text !== 'true' && text !== 'false') throw malformed(name)
  return text === 'true'
}

function readBlocked(element: XmlElement | undefined): BucketEncryption['blocked'] {
  if (element === undefined) return undefined
  const types = element.children('EncryptionType').map(type => type.text())
  if (types.length !== 1 || (types[0] !== 'NONE' && types[0] !== 'SSE-C')) throw malformed('EncryptionType')
  return types[0]
}

/** The content of a ServerSideEncryptionConfiguration. */
export function bucketEncryptionContent({ byDefault, bucketKeyEnabled, blocked }: BucketEncryption): XmlContent {
  return {
    Rule: {
      ApplyServerSideEncryptionByDefault:
        byDefault === undefined ? undefined : { SSEAlgorithm: byDefault.algorithm, KMSMasterKeyID: byDefault.kmsKeyId },
      BlockedEncryptionTypes: blocked === undefined ? undefined : { EncryptionType: blocked },
      BucketKeyEnabled: bucketKeyEnabled,
    },
  }
}
