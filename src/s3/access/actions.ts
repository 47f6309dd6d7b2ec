// The actions of S3, as bucket policies name them (AWS Service Authorization Reference, "Actions, resources, and condition keys for Amazon
// S3"), and the permission of an access control list that stands for each. Without one the action is the owner's, and whom a policy allows.

/** Permissions of an access control list (S3 user guide, "Access control list (ACL) overview"). */
export type Permission = 'READ' | 'WRITE' | 'READ_ACP' | 'WRITE_ACP'

export interface ActionFacts {
  /** What a policy names as the resource. */
  readonly on: 'account' | 'bucket' | 'object'
  /** Granted by this permission in the ACL of the bucket or, for `object` ones, of the version. */
  readonly bucketAcl?: Permission
  readonly objectAcl?: Permission
}

const account: ActionFacts = { on: 'account' }
const bucket: ActionFacts = { on: 'bucket' }
const object: ActionFacts = { on: 'object' }
const listed: ActionFacts = { on: 'bucket', bucketAcl: 'READ' }
const written: ActionFacts = { on: 'object', bucketAcl: 'WRITE' }
const read: ActionFacts = { on: 'object', objectAcl: 'READ' }
const aclRead: ActionFacts = { on: 'object', objectAcl: 'READ_ACP' }
const aclWritten: ActionFacts = { on: 'object', objectAcl: 'WRITE_ACP' }

export const actions = {
  's3:ListAllMyBuckets': account,
  's3:CreateBucket': account,
  's3:DeleteBucket': bucket,
  's3:ListBucket': listed,
  's3:ListBucketVersions': listed,
  's3:ListBucketMultipartUploads': listed,
  's3:GetBucketLocation': bucket,
  's3:GetBucketAcl': { on: 'bucket', bucketAcl: 'READ_ACP' },
  's3:PutBucketAcl': { on: 'bucket', bucketAcl: 'WRITE_ACP' },
  's3:GetBucketVersioning': bucket,
  's3:PutBucketVersioning': bucket,
  's3:GetReplicationConfiguration': bucket,
  's3:PutReplicationConfiguration': bucket,
  's3:GetBucketPolicy': bucket,
  's3:PutBucketPolicy': bucket,
  's3:DeleteBucketPolicy': bucket,
  's3:GetBucketPolicyStatus': bucket,
  's3:GetBucketPublicAccessBlock': bucket,
  's3:PutBucketPublicAccessBlock': bucket,
  's3:GetBucketOwnershipControls': bucket,
  's3:PutBucketOwnershipControls': bucket,
  's3:GetBucketCORS': bucket,
  's3:PutBucketCORS': bucket,
  's3:GetBucketTagging': bucket,
  's3:PutBucketTagging': bucket,
  's3:GetEncryptionConfiguration': bucket,
  's3:PutEncryptionConfiguration': bucket,
  's3:GetBucketWebsite': bucket,
  's3:PutBucketWebsite': bucket,
  's3:DeleteBucketWebsite': bucket,
  's3:GetLifecycleConfiguration': bucket,
  's3:PutLifecycleConfiguration': bucket,
  's3:GetBucketLogging': bucket,
  's3:PutBucketLogging': bucket,
  's3:GetBucketNotification': bucket,
  's3:PutBucketNotification': bucket,
  's3:GetBucketRequestPayment': bucket,
  's3:PutBucketRequestPayment': bucket,
  's3:GetAccelerateConfiguration': bucket,
  's3:PutAccelerateConfiguration': bucket,
  's3:GetBucketObjectLockConfiguration': bucket,
  's3:PutBucketObjectLockConfiguration': bucket,
  's3:GetAnalyticsConfiguration': bucket,
  's3:PutAnalyticsConfiguration': bucket,
  's3:GetIntelligentTieringConfiguration': bucket,
  's3:PutIntelligentTieringConfiguration': bucket,
  's3:GetInventoryConfiguration': bucket,
  's3:PutInventoryConfiguration': bucket,
  's3:GetMetricsConfiguration': bucket,
  's3:PutMetricsConfiguration': bucket,
  's3:GetBucketMetadataTableConfiguration': bucket,
  's3:CreateBucketMetadataTableConfiguration': bucket,
  's3:GetBucketAbac': bucket,
  's3:PutBucketAbac': bucket,
  's3:CreateSession': bucket,
  's3:GetObject': read,
  's3:GetObjectVersion': read,
  's3:GetObjectAttributes': read,
  's3:GetObjectVersionAttributes': read,
  's3:GetObjectTorrent': read,
  's3:PutObject': written,
  's3:DeleteObject': written,
  's3:DeleteObjectVersion': object,
  's3:AbortMultipartUpload': object,
  's3:ListMultipartUploadParts': object,
  's3:GetObjectAcl': aclRead,
  's3:GetObjectVersionAcl': aclRead,
  's3:PutObjectAcl': aclWritten,
  's3:PutObjectVersionAcl': aclWritten,
  's3:GetObjectTagging': object,
  's3:GetObjectVersionTagging': object,
  's3:PutObjectTagging': object,
  's3:PutObjectVersionTagging': object,
  's3:DeleteObjectTagging': object,
  's3:DeleteObjectVersionTagging': object,
  's3:GetObjectRetention': object,
  's3:PutObjectRetention': object,
  's3:BypassGovernanceRetention': object,
  's3:GetObjectLegalHold': object,
  's3:PutObjectLegalHold': object,
  's3:RestoreObject': object,
  's3:ReplicateObject': object,
} as const satisfies Readonly<Record<string, ActionFacts>>

export type Action = keyof typeof actions

/** What an action is called where the request names a version. */
const ofVersions: Readonly<Partial<Record<Action, Action>>> = {
  's3:GetObject': 's3:GetObjectVersion',
  's3:GetObjectAttributes': 's3:GetObjectVersionAttributes',
  's3:DeleteObject': 's3:DeleteObjectVersion',
  's3:GetObjectAcl': 's3:GetObjectVersionAcl',
  's3:PutObjectAcl': 's3:PutObjectVersionAcl',
  's3:GetObjectTagging': 's3:GetObjectVersionTagging',
  's3:PutObjectTagging': 's3:PutObjectVersionTagging',
  's3:DeleteObjectTagging': 's3:DeleteObjectVersionTagging',
}

/** The action on a version that is named by its id. */
export function actionOnVersion(action: Action): Action {
  return ofVersions[action] ?? action
}
