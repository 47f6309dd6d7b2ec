// A valid body for each operation that takes one: where the fuzzer begins.
import { hmacSha256Hex } from '../../src/base/hash.ts'
import { amzDateOf, signingKeyOf } from '../../src/base/signature-v4.ts'
import { accounts } from '../compatibility/s3/test-server.ts'
import type { Dice } from './dice.ts'

/** What earlier answers told: ids that exist. */
export interface Known {
  readonly uploads: { readonly bucket: string; readonly key: string; readonly id: string }[]
  readonly versions: { readonly bucket: string; readonly key: string; readonly id: string }[]
  readonly etags: string[]
  readonly tokens: string[]
}

const owner = '<Owner><ID>canonical-bart</ID></Owner>'
const grantee =
  '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>canonical-lisa</ID></Grantee>'
const acl =
  `<AccessControlPolicy>${owner}<AccessControlList><Grant>${grantee}<Permission>READ</Permission></Grant>` +
  '</AccessControlList></AccessControlPolicy>'
const tags =
  '<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value/></Tag></TagSet></Tagging>'
const policy = JSON.stringify({
  Version: '2012-10-17',
  Id: 'p',
  Statement: [
    {
      Sid: 's',
      Effect: 'Allow',
      Principal: { AWS: ['arn:aws:iam::123456789013:root'] },
      Action: ['s3:GetObject', 's3:List*'],
      Resource: ['arn:aws:s3:::fuzz-0', 'arn:aws:s3:::fuzz-0/*'],
      Condition: { StringLike: { 's3:prefix': ['a*'] }, IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } },
    },
  ],
})

const fixed: Readonly<Record<string, string>> = {
  CreateBucket:
    '<CreateBucketConfiguration><LocationConstraint>us-east-1</LocationConstraint></CreateBucketConfiguration>',
  PutBucketVersioning: '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>',
  PutBucketReplication:
    '<ReplicationConfiguration><Role>arn:aws:iam::123456789012:role/source</Role><Rule><ID>r</ID><Prefix>a</Prefix><Status>Enabled</Status>' +
    '<Destination><Bucket>arn:aws:s3:::target</Bucket><StorageClass>awsbackend</StorageClass></Destination></Rule></ReplicationConfiguration>',
  PutBucketAcl: acl,
  PutObjectAcl: acl,
  PutBucketPolicy: policy,
  PutPublicAccessBlock:
    '<PublicAccessBlockConfiguration><BlockPublicAcls>false</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>' +
    '<BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>',
  PutBucketOwnershipControls:
    '<OwnershipControls><Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule></OwnershipControls>',
  PutBucketCors:
    '<CORSConfiguration><CORSRule><ID>c</ID><AllowedOrigin>https://*.example.com</AllowedOrigin><AllowedMethod>PUT</AllowedMethod>' +
    '<AllowedHeader>x-amz-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule></CORSConfiguration>',
  PutBucketTagging: tags,
  PutObjectTagging: tags,
  PutBucketEncryption:
    '<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>' +
    '</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>',
  PutBucketWebsite:
    '<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument><ErrorDocument><Key>error</Key></ErrorDocument>' +
    '<RoutingRules><RoutingRule><Condition><KeyPrefixEquals>a</KeyPrefixEquals></Condition><Redirect><ReplaceKeyPrefixWith>b</ReplaceKeyPrefixWith>' +
    '</Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>',
  PutBucketLifecycleConfiguration:
    '<LifecycleConfiguration><Rule><ID>l</ID><Filter><And><Prefix>a</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter>' +
    '<Status>Enabled</Status><Expiration><Days>3650</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>90</NoncurrentDays>' +
    '</NoncurrentVersionExpiration></Rule></LifecycleConfiguration>',
  PutBucketLogging:
    '<BucketLoggingStatus><LoggingEnabled><TargetBucket>fuzz-1</TargetBucket><TargetPrefix>log/</TargetPrefix></LoggingEnabled></BucketLoggingStatus>',
  PutBucketNotificationConfiguration:
    '<NotificationConfiguration><QueueConfiguration><Id>n</Id><Queue>arn:aws:sqs:us-east-1:1:q</Queue><Event>s3:ObjectCreated:*</Event>' +
    '<Filter><S3Key><FilterRule><Name>prefix</Name><Value>a</Value></FilterRule></S3Key></Filter></QueueConfiguration></NotificationConfiguration>',
  PutBucketRequestPayment: '<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>',
  PutBucketAccelerateConfiguration: '<AccelerateConfiguration><Status>Suspended</Status></AccelerateConfiguration>',
  PutObjectLockConfiguration:
    '<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days>' +
    '</DefaultRetention></Rule></ObjectLockConfiguration>',
  PutObjectRetention:
    '<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2099-01-01T00:00:00Z</RetainUntilDate></Retention>',
  PutObjectLegalHold: '<LegalHold><Status>OFF</Status></LegalHold>',
  RestoreObject: '<RestoreRequest><Days>1</Days></RestoreRequest>',
}

function deletion(dice: Dice, known: Known): string {
  const objects = Array.from({ length: 1 + dice.int(4) }, () => {
    const version = dice.chance(0.3) ? known.versions[dice.int(known.versions.length)] : undefined
    const id = version === undefined ? '' : `<VersionId>${version.id}</VersionId>`
    return `<Object><Key>${version?.key ?? `k${dice.int(6)}`}</Key>${id}</Object>`
  })
  return `<Delete><Quiet>${dice.chance(0.5)}</Quiet>${objects.join('')}</Delete>`
}

function completion(dice: Dice, known: Known): string {
  const parts = Array.from({ length: 1 + dice.int(3) }, (_, index) => {
    const etag = known.etags[dice.int(known.etags.length)] ?? 'd41d8cd98f00b204e9800998ecf8427e'
    return `<Part><PartNumber>${index + 1}</PartNumber><ETag>&quot;${etag}&quot;</ETag></Part>`
  })
  return `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`
}

/** The boundary of every form. */
export const formBoundary = 'fuzz-boundary'

/** The fields of a policy that is signed and allows the form. */
function signedFields(dice: Dice): Readonly<Record<string, string>> {
  const now = Date.now()
  const date = amzDateOf(now)
  const [key] = accounts.bart.keys
  const credential = `${key?.access}/${date.slice(0, 8)}/us-east-1/s3/aws4_request`
  const conditions = [
    ['starts-with', '$key', 'k'],
    ['starts-with', '$bucket', ''],
    { acl: 'private' },
    ['starts-with', '$Content-Type', ''],
    ['starts-with', '$x-amz-meta-a', ''],
    { success_action_status: '201' },
    ['content-length-range', 0, 1_000_000],
    { 'x-amz-credential': credential },
    { 'x-amz-algorithm': 'AWS4-HMAC-SHA256' },
    { 'x-amz-date': date },
  ]
  const shown = dice.chance(0.8) ? conditions : conditions.filter(() => dice.chance(0.8))
  const document = { expiration: new Date(now + 600_000).toISOString(), conditions: shown }
  const policy = Buffer.from(JSON.stringify(document)).toString('base64')
  const signingKey = signingKeyOf(key?.secret ?? '', date.slice(0, 8), 'us-east-1', 's3')
  return {
    policy,
    'x-amz-algorithm': 'AWS4-HMAC-SHA256',
    'x-amz-credential': credential,
    'x-amz-date': date,
    'x-amz-signature': hmacSha256Hex(signingKey, policy),
  }
}

function form(dice: Dice): string {
  const fields: Readonly<Record<string, string>> = {
    key: dice.chance(0.8) ? `k${dice.int(6)}` : `k${'$'}{filename}`,
    acl: 'private',
    'Content-Type': 'text/plain',
    success_action_status: '201',
    'x-amz-meta-a': 'b',
    ...(dice.chance(0.8) && signedFields(dice)),
  }
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${formBoundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const file = `--${formBoundary}\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\nContent-Type: text/plain\r\n\r\nhello\r\n`
  return `${parts.join('')}${file}--${formBoundary}--\r\n`
}

/** The document that an operation wants; undefined when it wants none. */
export function documentOf(operation: string, dice: Dice, known: Known): string | undefined {
  if (operation === 'DeleteObjects') return deletion(dice, known)
  if (operation === 'CompleteMultipartUpload') return completion(dice, known)
  if (operation === 'PostObject') return form(dice)
  return fixed[operation]
}
