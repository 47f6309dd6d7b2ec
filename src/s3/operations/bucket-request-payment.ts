// PutBucketRequestPayment and GetBucketRequestPayment: who pays for requests. Nobody pays here, but other accounts must say that they would.
import { serviceError } from '../../domain/errors.ts'
import { openBucket } from '../access/open-bucket.ts'
import { changeSettings } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { xmlAnswer } from '../http/answer.ts'
import { defaultXmlLimits, parseXml } from '../xml/reader.ts'
import { s3Namespace } from '../xml/writer.ts'

export async function putBucketRequestPayment(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const document = parseXml(await readDocument(call), defaultXmlLimits, 'RequestPaymentConfiguration')
  const payer = document.requiredText('Payer')
  if (payer !== 'Requester' && payer !== 'BucketOwner') throw serviceError('MalformedXML')
  await changeSettings(call, bucket, { requesterPays: payer === 'Requester' ? true : null })
  return { status: 200 }
}

export async function getBucketRequestPayment(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const payer = bucket.settings.requesterPays === true ? 'Requester' : 'BucketOwner'
  return xmlAnswer('RequestPaymentConfiguration', { Payer: payer }, [], s3Namespace)
}
