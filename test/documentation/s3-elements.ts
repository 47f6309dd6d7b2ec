// What the operations of S3 take here: parameters, headers and elements by operation, in S3's words, and what of them is refused. Those that stand
// in the operation table as not implemented need no entry; the document is not made without the others.
import { limits } from '../../src/domain/limits.ts'

export interface Elements {
  /** Parameters, headers and elements that do what S3 says they do. */
  readonly takes: readonly string[]
  /** Answered NotImplemented. */
  readonly refuses?: readonly string[]
  /** Limits, and what else an operator should know. */
  readonly notes?: readonly string[]
}

const count = (number: number): string => number.toLocaleString('en-US')
const kib = (bytes: number): string => `${count(bytes / 1024)} KiB`
const mib = (bytes: number): string => `${count(bytes / 1024 ** 2)} MiB`
const gib = (bytes: number): string => `${count(bytes / 1024 ** 3)} GiB`

const contentHeaders = [
  'Cache-Control',
  'Content-Disposition',
  'Content-Encoding',
  'Content-Language',
  'Content-Type',
  'Expires',
  'x-amz-meta-*',
]
const aclHeaders = ['x-amz-acl', 'x-amz-grant-*']
const lockHeaders = ['x-amz-object-lock-mode', 'x-amz-object-lock-retain-until-date', 'x-amz-object-lock-legal-hold']
const customerKey = ['x-amz-server-side-encryption-customer-*']
const encryptionHeaders = [
  'x-amz-server-side-encryption: AES256',
  'x-amz-server-side-encryption: aws:kms with x-amz-server-side-encryption-aws-kms-key-id',
  ...customerKey,
]
const kms = [
  'x-amz-server-side-encryption: aws:kms without a key, aws:kms:dsse',
  'x-amz-server-side-encryption-context',
]
const checksums = ['x-amz-sdk-checksum-algorithm', 'x-amz-checksum-{crc32,crc32c,crc64nvme,sha1,sha256}']
const newObject = [
  ...contentHeaders,
  ...aclHeaders,
  'x-amz-storage-class',
  'x-amz-tagging',
  'x-amz-website-redirect-location',
  ...lockHeaders,
  ...encryptionHeaders,
]
const storageClasses =
  'Storage classes STANDARD, STANDARD_IA and REDUCED_REDUNDANCY are kept as told; the data lies where the bucket says.'
const readConditions = ['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since']
const copySource = [
  'x-amz-copy-source (with versionId)',
  'x-amz-copy-source-if-*',
  'x-amz-source-expected-bucket-owner',
  'x-amz-copy-source-server-side-encryption-customer-*',
]
const overrides = [
  'response-{cache-control,content-disposition,content-encoding,content-language,content-type,expires}',
]
const listing = ['prefix', 'delimiter', 'max-keys', 'encoding-type']
const lockNote =
  'Replicated to S3 locations with `supportsObjectLock` and to other servers of this family; elsewhere it is recorded as a warning.'
const listNote = `At most ${count(limits.listKeysMax)} entries in one answer.`
const version = ['versionId']
const none: Elements = { takes: [] }
const tagging: Elements = {
  takes: [...version, 'TagSet'],
  notes: [
    `${limits.tagsPerObject} tags, keys of ${limits.tagKeyChars} and values of ${limits.tagValueChars} characters.`,
  ],
}
const ofVersion: Elements = { takes: version }
const accessControlPolicy = ['AccessControlPolicy', ...aclHeaders]

export const elements: Readonly<Record<string, Elements>> = {
  ListBuckets: { takes: ['prefix', 'max-buckets', 'continuation-token', 'bucket-region'] },
  CreateBucket: {
    takes: ['LocationConstraint', 'x-amz-bucket-object-lock-enabled', 'Tags', 'x-amz-object-ownership', ...aclHeaders],
    notes: ['The location is one of the configuration that can hold data.'],
  },
  HeadBucket: none,
  DeleteBucket: none,
  ListObjects: { takes: [...listing, 'marker'], notes: [listNote] },
  ListObjectsV2: { takes: [...listing, 'continuation-token', 'start-after', 'fetch-owner'], notes: [listNote] },
  ListObjectVersions: { takes: [...listing, 'key-marker', 'version-id-marker'], notes: [listNote] },
  ListMultipartUploads: {
    takes: ['prefix', 'delimiter', 'max-uploads', 'encoding-type', 'key-marker', 'upload-id-marker'],
    notes: [listNote],
  },
  DeleteObjects: {
    takes: ['Object.Key', 'Object.VersionId', 'Object.ETag', 'Quiet', 'x-amz-bypass-governance-retention'],
    refuses: ['x-amz-mfa'],
    notes: [`At most ${count(limits.deleteObjectsMax)} objects.`],
  },
  PostObject: {
    takes: [
      'key',
      'policy and signature fields (V4, V2)',
      'acl',
      'Content-Type and other content fields',
      'x-amz-meta-*',
      'tagging',
      'success_action_redirect',
      'success_action_status',
      'checksum fields',
      'file',
    ],
  },
  GetBucketLocation: none,
  GetBucketVersioning: none,
  PutBucketVersioning: { takes: ['Status'], refuses: ['MfaDelete: Enabled'] },
  GetBucketReplication: none,
  PutBucketReplication: {
    takes: [
      'Role',
      'Rule.ID',
      'Rule.Priority',
      'Rule.Status',
      'Rule.Prefix',
      'Rule.Filter (Prefix, Tag, And)',
      'Rule.DeleteMarkerReplication',
      'Destination.Bucket',
      'Destination.StorageClass (names of sites)',
    ],
    refuses: [
      'ExistingObjectReplication: Enabled',
      'SseKmsEncryptedObjects: Enabled',
      'ReplicaModifications: Enabled',
      'ReplicationTime: Enabled',
      'Metrics: Enabled',
      'EncryptionConfiguration',
      'AccessControlTranslation',
    ],
    notes: [`At most ${count(limits.replicationRulesMax)} rules.`],
  },
  DeleteBucketReplication: none,
  GetBucketAcl: none,
  PutBucketAcl: { takes: accessControlPolicy },
  GetBucketPolicy: none,
  PutBucketPolicy: {
    takes: [
      'Version',
      'Id',
      'Statement (Sid, Effect, Principal, NotPrincipal, Action, NotAction, Resource, NotResource, Condition)',
    ],
    notes: ['At most 20 KiB.'],
  },
  DeleteBucketPolicy: none,
  GetBucketPolicyStatus: none,
  GetPublicAccessBlock: none,
  PutPublicAccessBlock: {
    takes: ['BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'],
  },
  DeletePublicAccessBlock: none,
  GetBucketOwnershipControls: none,
  PutBucketOwnershipControls: { takes: ['ObjectOwnership: BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter'] },
  DeleteBucketOwnershipControls: none,
  GetBucketCors: none,
  PutBucketCors: {
    takes: ['CORSRule (ID, AllowedOrigin, AllowedMethod, AllowedHeader, ExposeHeader, MaxAgeSeconds)'],
    notes: [
      `At most ${limits.corsRulesMax} rules and ${kib(limits.corsDocumentBytes)}. Preflights (OPTIONS) are answered for anybody, and all other answers carry the rule's headers.`,
    ],
  },
  DeleteBucketCors: none,
  GetBucketTagging: none,
  PutBucketTagging: { takes: ['TagSet'], notes: [`At most ${limits.tagsPerBucket} tags.`] },
  DeleteBucketTagging: none,
  GetBucketEncryption: none,
  PutBucketEncryption: {
    takes: ['SSEAlgorithm', 'KMSMasterKeyID', 'BucketKeyEnabled', 'BlockedEncryptionTypes'],
    notes: [
      'Writes into a bucket whose default is `aws:kms` without a key or `aws:kms:dsse` are answered NotImplemented.',
    ],
  },
  DeleteBucketEncryption: none,
  GetBucketWebsite: none,
  PutBucketWebsite: {
    takes: ['IndexDocument', 'ErrorDocument', 'RedirectAllRequestsTo', 'RoutingRules (Condition, Redirect)'],
    notes: [
      `At most ${limits.websiteRulesMax} routing rules and ${kib(limits.websiteDocumentBytes)}. Websites are served at the hosts of \`s3.websiteEndpoints\`.`,
    ],
  },
  DeleteBucketWebsite: none,
  GetBucketLifecycleConfiguration: none,
  PutBucketLifecycleConfiguration: {
    takes: [
      'Rule (ID, Status, Prefix)',
      'Filter (Prefix, Tag, ObjectSizeGreaterThan, ObjectSizeLessThan, And)',
      'Expiration (Days, Date, ExpiredObjectDeleteMarker)',
      'NoncurrentVersionExpiration (NoncurrentDays, NewerNoncurrentVersions)',
      'AbortIncompleteMultipartUpload',
    ],
    refuses: ['Transition', 'NoncurrentVersionTransition'],
    notes: [`At most ${count(limits.lifecycleRulesMax)} rules. Versions that are still to be replicated are kept.`],
  },
  DeleteBucketLifecycle: none,
  GetBucketLogging: none,
  PutBucketLogging: {
    takes: ['TargetBucket', 'TargetPrefix', 'TargetGrants', 'TargetObjectKeyFormat'],
    notes: [
      `The target bucket has the same owner and location, and whoever sets it may write there; it must not have a default retention (object lock). One that gets it later goes on taking the log: log objects are never locked by it, and the server's own log warns of that. Prefixes of at most ${limits.logPrefixBytes} bytes.`,
      `Log objects in S3's format are written ${limits.accessLogMs / 1000} seconds after their first line, at ${mib(limits.accessLogBytes)}, and when the server closes; each thread of each process writes its own. A crash loses the lines that wait, and more than ${mib(limits.accessLogHeldBytes)} of a thread do not wait. Deliveries are never logged, and signatures of presigned URLs are left out.`,
    ],
  },
  GetBucketNotificationConfiguration: none,
  PutBucketNotificationConfiguration: {
    takes: ['TopicConfiguration, QueueConfiguration (Id, Event, Filter by prefix and suffix)'],
  },
  GetBucketRequestPayment: none,
  PutBucketRequestPayment: { takes: ['Payer'] },
  GetBucketAccelerateConfiguration: none,
  PutBucketAccelerateConfiguration: {
    takes: ['Status'],
    notes: ['Kept as told: there are no other endpoints than this server itself.'],
  },
  GetObjectLockConfiguration: none,
  PutObjectLockConfiguration: {
    takes: ['ObjectLockEnabled', 'DefaultRetention (Mode, Days, Years)', 'x-amz-bucket-object-lock-token'],
  },
  GetObject: {
    takes: [...version, 'partNumber', 'Range', ...readConditions, ...overrides, 'x-amz-checksum-mode', ...customerKey],
  },
  HeadObject: {
    takes: [...version, 'partNumber', 'Range', ...readConditions, ...overrides, 'x-amz-checksum-mode', ...customerKey],
  },
  PutObject: {
    takes: ['Content-MD5', 'Expect: 100-continue', 'If-Match', 'If-None-Match: *', ...newObject, ...checksums],
    refuses: [...kms, 'x-amz-write-offset-bytes'],
    notes: [
      `Objects of at most ${gib(limits.singlePutBytes)}; user metadata of at most ${kib(limits.userMetadataBytes)}; keys of at most ${count(limits.keyBytes)} bytes.`,
      storageClasses,
    ],
  },
  CopyObject: {
    takes: [
      ...copySource,
      'x-amz-metadata-directive',
      'x-amz-tagging-directive',
      'x-amz-checksum-algorithm',
      'If-Match',
      'If-None-Match: *',
      ...newObject,
    ],
    refuses: kms,
    notes: [`Sources of at most ${gib(limits.singlePutBytes)}.`],
  },
  DeleteObject: {
    takes: [...version, 'If-Match', 'x-amz-bypass-governance-retention'],
    refuses: ['x-amz-mfa'],
  },
  GetObjectTagging: ofVersion,
  PutObjectTagging: tagging,
  DeleteObjectTagging: ofVersion,
  GetObjectAcl: ofVersion,
  PutObjectAcl: {
    takes: [...version, ...accessControlPolicy],
    notes: [
      'Replicated to other servers of this family; a cloud holds no list of ours, which is recorded as a warning.',
    ],
  },
  GetObjectAttributes: {
    takes: [...version, 'x-amz-object-attributes', 'x-amz-max-parts', 'x-amz-part-number-marker', ...customerKey],
  },
  GetObjectRetention: ofVersion,
  PutObjectRetention: {
    takes: [...version, 'Mode', 'RetainUntilDate', 'x-amz-bypass-governance-retention'],
    notes: [lockNote],
  },
  GetObjectLegalHold: ofVersion,
  PutObjectLegalHold: { takes: [...version, 'Status'], notes: [lockNote] },
  CreateMultipartUpload: {
    takes: [...newObject, 'x-amz-checksum-algorithm', 'x-amz-checksum-type'],
    refuses: kms,
  },
  UploadPart: {
    takes: ['partNumber', 'uploadId', 'Content-MD5', ...customerKey, ...checksums],
    notes: [
      `Part numbers 1 to ${count(limits.partNumberMax)}; parts of ${mib(limits.partBytesMin)} to ${gib(limits.partBytesMax)}, the last one smaller.`,
    ],
  },
  UploadPartCopy: { takes: ['partNumber', 'uploadId', ...copySource, 'x-amz-copy-source-range', ...customerKey] },
  ListParts: { takes: ['uploadId', 'max-parts', 'part-number-marker'], notes: [listNote] },
  CompleteMultipartUpload: {
    takes: [
      'uploadId',
      'Part (PartNumber, ETag, checksums)',
      'x-amz-mp-object-size',
      'x-amz-checksum-type',
      'If-Match',
      'If-None-Match: *',
      ...checksums.slice(1),
    ],
    notes: [
      `Objects of at most ${count(limits.objectBytes / 1024 ** 4)} TiB.`,
      'An upload that was created without a checksum algorithm gets the CRC64NVME of the whole, whatever checksums its parts brought along.',
    ],
  },
  AbortMultipartUpload: { takes: ['uploadId'] },
}
