// PutPublicAccessBlock, GetPublicAccessBlock and DeletePublicAccessBlock. What the four switches do is decided in src/s3/access/.
import type { PublicAccessBlock } from '../../domain/bucket-access.ts'
import { serviceError } from '../../domain/errors.ts'
import { openBucket } from '../access/open-bucket.ts'
import { changeSettings } from '../bucket-change.ts'
import type { Answer, Call } from '../call.ts'
import { readDocument } from '../documents/document-body.ts'
import { xmlAnswer } from '../http/answer.ts'
import { defaultXmlLimits, parseXml, type XmlElement } from '../xml/reader.ts'
import { s3Namespace } from '../xml/writer.ts'

const names = {
  BlockPublicAcls: 'blockPublicAcls',
  IgnorePublicAcls: 'ignorePublicAcls',
  BlockPublicPolicy: 'blockPublicPolicy',
  RestrictPublicBuckets: 'restrictPublicBuckets',
} as const satisfies Record<string, keyof PublicAccessBlock>

/** What is left out is off. */
function readSwitch(root: XmlElement, name: keyof typeof names): boolean {
  const text = root.optionalText(name)?.trim().toLowerCase()
  if (text === undefined || text === 'false') return false
  if (text === 'true') return true
  throw serviceError('MalformedXML')
}

export async function putPublicAccessBlock(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const root = parseXml(await readDocument(call), defaultXmlLimits, 'PublicAccessBlockConfiguration')
  if (root.elements.some(({ name }) => !Object.hasOwn(names, name))) throw serviceError('MalformedXML')
  const publicAccessBlock = {
    blockPublicAcls: readSwitch(root, 'BlockPublicAcls'),
    ignorePublicAcls: readSwitch(root, 'IgnorePublicAcls'),
    blockPublicPolicy: readSwitch(root, 'BlockPublicPolicy'),
    restrictPublicBuckets: readSwitch(root, 'RestrictPublicBuckets'),
  }
  await changeSettings(call, bucket, { publicAccessBlock })
  return { status: 200 }
}

export async function getPublicAccessBlock(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  const { publicAccessBlock } = bucket.settings
  if (publicAccessBlock === undefined) {
    throw serviceError('NoSuchPublicAccessBlockConfiguration', { details: { BucketName: bucket.name } })
  }
  const content = Object.fromEntries(Object.entries(names).map(([name, field]) => [name, publicAccessBlock[field]]))
  return xmlAnswer('PublicAccessBlockConfiguration', content, [], s3Namespace)
}

export async function deletePublicAccessBlock(call: Call): Promise<Answer> {
  const { bucket } = await openBucket(call)
  await changeSettings(call, bucket, { publicAccessBlock: null })
  return { status: 204 }
}
