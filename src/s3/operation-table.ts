// Every operation of S3: how a request names it, which action it is, and what does it here. Those with `run: null` are answered NotImplemented;
// docs/reference/s3-compatibility.md is made of this table.
import type { Action } from './access/actions.ts'
import type { Operation } from './call.ts'
import { abortMultipartUpload } from './operations/abort-multipart-upload.ts'
import { deleteBucket, getBucketLocation, headBucket } from './operations/bucket.ts'
import { getBucketAccelerateConfiguration, putBucketAccelerateConfiguration } from './operations/bucket-accelerate.ts'
import { getBucketAcl, putBucketAcl } from './operations/bucket-acl.ts'
import { deleteBucketCors, getBucketCors, putBucketCors } from './operations/bucket-cors.ts'
import { deleteBucketEncryption, getBucketEncryption, putBucketEncryption } from './operations/bucket-encryption.ts'
import {
  deleteBucketLifecycle,
  getBucketLifecycleConfiguration,
  putBucketLifecycleConfiguration,
} from './operations/bucket-lifecycle.ts'
import { getBucketLogging, putBucketLogging } from './operations/bucket-logging.ts'
import {
  getBucketNotificationConfiguration,
  putBucketNotificationConfiguration,
} from './operations/bucket-notification.ts'
import {
  deleteBucketPolicy,
  getBucketPolicy,
  getBucketPolicyStatus,
  putBucketPolicy,
} from './operations/bucket-policy.ts'
import { deleteBucketReplication, getBucketReplication, putBucketReplication } from './operations/bucket-replication.ts'
import { getBucketRequestPayment, putBucketRequestPayment } from './operations/bucket-request-payment.ts'
import { deleteBucketTagging, getBucketTagging, putBucketTagging } from './operations/bucket-tagging.ts'
import { getBucketVersioning, putBucketVersioning } from './operations/bucket-versioning.ts'
import { deleteBucketWebsite, getBucketWebsite, putBucketWebsite } from './operations/bucket-website.ts'
import { completeMultipartUpload } from './operations/complete-multipart-upload.ts'
import { copyObject } from './operations/copy-object.ts'
import { createBucket } from './operations/create-bucket.ts'
import { createMultipartUpload } from './operations/create-multipart-upload.ts'
import { deleteObject } from './operations/delete-object.ts'
import { deleteObjects } from './operations/delete-objects.ts'
import { getObject, headObject } from './operations/get-object.ts'
import { getObjectAttributes } from './operations/get-object-attributes.ts'
import { listBuckets } from './operations/list-buckets.ts'
import { listMultipartUploads } from './operations/list-multipart-uploads.ts'
import { listObjectVersions } from './operations/list-object-versions.ts'
import { listObjects, listObjectsV2 } from './operations/list-objects.ts'
import { listParts } from './operations/list-parts.ts'
import { getObjectAcl, putObjectAcl } from './operations/object-acl.ts'
import { getObjectLockConfiguration, putObjectLockConfiguration } from './operations/object-lock-configuration.ts'
import {
  getObjectLegalHold,
  getObjectRetention,
  putObjectLegalHold,
  putObjectRetention,
} from './operations/object-retention.ts'
import { deleteObjectTagging, getObjectTagging, putObjectTagging } from './operations/object-tagging.ts'
import {
  deleteBucketOwnershipControls,
  getBucketOwnershipControls,
  putBucketOwnershipControls,
} from './operations/ownership-controls.ts'
import { postObject } from './operations/post-object.ts'
import {
  deletePublicAccessBlock,
  getPublicAccessBlock,
  putPublicAccessBlock,
} from './operations/public-access-block.ts'
import { putObject } from './operations/put-object.ts'
import { uploadPart, uploadPartCopy } from './operations/upload-part.ts'

export interface OperationEntry {
  /** S3's name of it (Amazon S3 API Reference). */
  readonly name: string
  readonly method: Method
  readonly resource: Resource
  /** A header that makes it this operation and not the one without. */
  readonly header?: 'x-amz-copy-source'
  readonly action: Action
  readonly run: Operation | null
}

type Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
type Level = 'service' | 'bucket' | 'object'
/** What the path names, and the query parameter that names a sub-resource of it. */
type Resource = Level | `${Level}?${string}`

function op(name: string, method: Method, resource: Resource, action: Action, run: Operation | null): OperationEntry {
  return { name, method, resource, action, run }
}

/** The same request as another with a source named in a header. */
function copy(name: string, method: Method, resource: Resource, action: Action, run: Operation): OperationEntry {
  return { name, method, resource, header: 'x-amz-copy-source', action, run }
}

export const operations: readonly OperationEntry[] = [
  // The service
  op('ListBuckets', 'GET', 'service', 's3:ListAllMyBuckets', listBuckets),
  // Buckets
  op('CreateBucket', 'PUT', 'bucket', 's3:CreateBucket', createBucket),
  op('HeadBucket', 'HEAD', 'bucket', 's3:ListBucket', headBucket),
  op('DeleteBucket', 'DELETE', 'bucket', 's3:DeleteBucket', deleteBucket),
  op('ListObjects', 'GET', 'bucket', 's3:ListBucket', listObjects),
  op('ListObjectsV2', 'GET', 'bucket?list-type', 's3:ListBucket', listObjectsV2),
  op('ListObjectVersions', 'GET', 'bucket?versions', 's3:ListBucketVersions', listObjectVersions),
  op('ListMultipartUploads', 'GET', 'bucket?uploads', 's3:ListBucketMultipartUploads', listMultipartUploads),
  op('DeleteObjects', 'POST', 'bucket?delete', 's3:DeleteObject', deleteObjects),
  op('PostObject', 'POST', 'bucket', 's3:PutObject', postObject),
  op('GetBucketLocation', 'GET', 'bucket?location', 's3:GetBucketLocation', getBucketLocation),
  op('GetBucketVersioning', 'GET', 'bucket?versioning', 's3:GetBucketVersioning', getBucketVersioning),
  op('PutBucketVersioning', 'PUT', 'bucket?versioning', 's3:PutBucketVersioning', putBucketVersioning),
  op('GetBucketReplication', 'GET', 'bucket?replication', 's3:GetReplicationConfiguration', getBucketReplication),
  op('PutBucketReplication', 'PUT', 'bucket?replication', 's3:PutReplicationConfiguration', putBucketReplication),
  op(
    'DeleteBucketReplication',
    'DELETE',
    'bucket?replication',
    's3:PutReplicationConfiguration',
    deleteBucketReplication,
  ),
  op('GetBucketAcl', 'GET', 'bucket?acl', 's3:GetBucketAcl', getBucketAcl),
  op('PutBucketAcl', 'PUT', 'bucket?acl', 's3:PutBucketAcl', putBucketAcl),
  op('GetBucketPolicy', 'GET', 'bucket?policy', 's3:GetBucketPolicy', getBucketPolicy),
  op('PutBucketPolicy', 'PUT', 'bucket?policy', 's3:PutBucketPolicy', putBucketPolicy),
  op('DeleteBucketPolicy', 'DELETE', 'bucket?policy', 's3:DeleteBucketPolicy', deleteBucketPolicy),
  op('GetBucketPolicyStatus', 'GET', 'bucket?policyStatus', 's3:GetBucketPolicyStatus', getBucketPolicyStatus),
  op('GetPublicAccessBlock', 'GET', 'bucket?publicAccessBlock', 's3:GetBucketPublicAccessBlock', getPublicAccessBlock),
  op('PutPublicAccessBlock', 'PUT', 'bucket?publicAccessBlock', 's3:PutBucketPublicAccessBlock', putPublicAccessBlock),
  op(
    'DeletePublicAccessBlock',
    'DELETE',
    'bucket?publicAccessBlock',
    's3:PutBucketPublicAccessBlock',
    deletePublicAccessBlock,
  ),
  op(
    'GetBucketOwnershipControls',
    'GET',
    'bucket?ownershipControls',
    's3:GetBucketOwnershipControls',
    getBucketOwnershipControls,
  ),
  op(
    'PutBucketOwnershipControls',
    'PUT',
    'bucket?ownershipControls',
    's3:PutBucketOwnershipControls',
    putBucketOwnershipControls,
  ),
  op(
    'DeleteBucketOwnershipControls',
    'DELETE',
    'bucket?ownershipControls',
    's3:PutBucketOwnershipControls',
    deleteBucketOwnershipControls,
  ),
  op('GetBucketCors', 'GET', 'bucket?cors', 's3:GetBucketCORS', getBucketCors),
  op('PutBucketCors', 'PUT', 'bucket?cors', 's3:PutBucketCORS', putBucketCors),
  op('DeleteBucketCors', 'DELETE', 'bucket?cors', 's3:PutBucketCORS', deleteBucketCors),
  op('GetBucketTagging', 'GET', 'bucket?tagging', 's3:GetBucketTagging', getBucketTagging),
  op('PutBucketTagging', 'PUT', 'bucket?tagging', 's3:PutBucketTagging', putBucketTagging),
  op('DeleteBucketTagging', 'DELETE', 'bucket?tagging', 's3:PutBucketTagging', deleteBucketTagging),
  op('GetBucketEncryption', 'GET', 'bucket?encryption', 's3:GetEncryptionConfiguration', getBucketEncryption),
  op('PutBucketEncryption', 'PUT', 'bucket?encryption', 's3:PutEncryptionConfiguration', putBucketEncryption),
  op('DeleteBucketEncryption', 'DELETE', 'bucket?encryption', 's3:PutEncryptionConfiguration', deleteBucketEncryption),
  op('GetBucketWebsite', 'GET', 'bucket?website', 's3:GetBucketWebsite', getBucketWebsite),
  op('PutBucketWebsite', 'PUT', 'bucket?website', 's3:PutBucketWebsite', putBucketWebsite),
  op('DeleteBucketWebsite', 'DELETE', 'bucket?website', 's3:DeleteBucketWebsite', deleteBucketWebsite),
  op(
    'GetBucketLifecycleConfiguration',
    'GET',
    'bucket?lifecycle',
    's3:GetLifecycleConfiguration',
    getBucketLifecycleConfiguration,
  ),
  op(
    'PutBucketLifecycleConfiguration',
    'PUT',
    'bucket?lifecycle',
    's3:PutLifecycleConfiguration',
    putBucketLifecycleConfiguration,
  ),
  op('DeleteBucketLifecycle', 'DELETE', 'bucket?lifecycle', 's3:PutLifecycleConfiguration', deleteBucketLifecycle),
  op('GetBucketLogging', 'GET', 'bucket?logging', 's3:GetBucketLogging', getBucketLogging),
  op('PutBucketLogging', 'PUT', 'bucket?logging', 's3:PutBucketLogging', putBucketLogging),
  op(
    'GetBucketNotificationConfiguration',
    'GET',
    'bucket?notification',
    's3:GetBucketNotification',
    getBucketNotificationConfiguration,
  ),
  op(
    'PutBucketNotificationConfiguration',
    'PUT',
    'bucket?notification',
    's3:PutBucketNotification',
    putBucketNotificationConfiguration,
  ),
  op('GetBucketRequestPayment', 'GET', 'bucket?requestPayment', 's3:GetBucketRequestPayment', getBucketRequestPayment),
  op('PutBucketRequestPayment', 'PUT', 'bucket?requestPayment', 's3:PutBucketRequestPayment', putBucketRequestPayment),
  op(
    'GetBucketAccelerateConfiguration',
    'GET',
    'bucket?accelerate',
    's3:GetAccelerateConfiguration',
    getBucketAccelerateConfiguration,
  ),
  op(
    'PutBucketAccelerateConfiguration',
    'PUT',
    'bucket?accelerate',
    's3:PutAccelerateConfiguration',
    putBucketAccelerateConfiguration,
  ),
  op(
    'GetObjectLockConfiguration',
    'GET',
    'bucket?object-lock',
    's3:GetBucketObjectLockConfiguration',
    getObjectLockConfiguration,
  ),
  op(
    'PutObjectLockConfiguration',
    'PUT',
    'bucket?object-lock',
    's3:PutBucketObjectLockConfiguration',
    putObjectLockConfiguration,
  ),
  op('GetBucketAnalyticsConfiguration', 'GET', 'bucket?analytics', 's3:GetAnalyticsConfiguration', null),
  op('PutBucketAnalyticsConfiguration', 'PUT', 'bucket?analytics', 's3:PutAnalyticsConfiguration', null),
  op('DeleteBucketAnalyticsConfiguration', 'DELETE', 'bucket?analytics', 's3:PutAnalyticsConfiguration', null),
  op(
    'GetBucketIntelligentTieringConfiguration',
    'GET',
    'bucket?intelligent-tiering',
    's3:GetIntelligentTieringConfiguration',
    null,
  ),
  op(
    'PutBucketIntelligentTieringConfiguration',
    'PUT',
    'bucket?intelligent-tiering',
    's3:PutIntelligentTieringConfiguration',
    null,
  ),
  op(
    'DeleteBucketIntelligentTieringConfiguration',
    'DELETE',
    'bucket?intelligent-tiering',
    's3:PutIntelligentTieringConfiguration',
    null,
  ),
  op('GetBucketInventoryConfiguration', 'GET', 'bucket?inventory', 's3:GetInventoryConfiguration', null),
  op('PutBucketInventoryConfiguration', 'PUT', 'bucket?inventory', 's3:PutInventoryConfiguration', null),
  op('DeleteBucketInventoryConfiguration', 'DELETE', 'bucket?inventory', 's3:PutInventoryConfiguration', null),
  op('GetBucketMetricsConfiguration', 'GET', 'bucket?metrics', 's3:GetMetricsConfiguration', null),
  op('PutBucketMetricsConfiguration', 'PUT', 'bucket?metrics', 's3:PutMetricsConfiguration', null),
  op('DeleteBucketMetricsConfiguration', 'DELETE', 'bucket?metrics', 's3:PutMetricsConfiguration', null),
  op('GetBucketAbac', 'GET', 'bucket?abac', 's3:GetBucketAbac', null),
  op('PutBucketAbac', 'PUT', 'bucket?abac', 's3:PutBucketAbac', null),
  op('CreateSession', 'GET', 'bucket?session', 's3:CreateSession', null),
  op(
    'GetBucketMetadataConfiguration',
    'GET',
    'bucket?metadataConfiguration',
    's3:GetBucketMetadataTableConfiguration',
    null,
  ),
  op(
    'CreateBucketMetadataConfiguration',
    'POST',
    'bucket?metadataConfiguration',
    's3:CreateBucketMetadataTableConfiguration',
    null,
  ),
  op(
    'DeleteBucketMetadataConfiguration',
    'DELETE',
    'bucket?metadataConfiguration',
    's3:CreateBucketMetadataTableConfiguration',
    null,
  ),
  op(
    'GetBucketMetadataTableConfiguration',
    'GET',
    'bucket?metadataTable',
    's3:GetBucketMetadataTableConfiguration',
    null,
  ),
  op(
    'CreateBucketMetadataTableConfiguration',
    'POST',
    'bucket?metadataTable',
    's3:CreateBucketMetadataTableConfiguration',
    null,
  ),
  op(
    'DeleteBucketMetadataTableConfiguration',
    'DELETE',
    'bucket?metadataTable',
    's3:CreateBucketMetadataTableConfiguration',
    null,
  ),
  op(
    'UpdateBucketMetadataInventoryTableConfiguration',
    'PUT',
    'bucket?metadataInventoryTable',
    's3:CreateBucketMetadataTableConfiguration',
    null,
  ),
  op(
    'UpdateBucketMetadataJournalTableConfiguration',
    'PUT',
    'bucket?metadataJournalTable',
    's3:CreateBucketMetadataTableConfiguration',
    null,
  ),
  // Objects
  op('GetObject', 'GET', 'object', 's3:GetObject', getObject),
  op('HeadObject', 'HEAD', 'object', 's3:GetObject', headObject),
  op('PutObject', 'PUT', 'object', 's3:PutObject', putObject),
  copy('CopyObject', 'PUT', 'object', 's3:PutObject', copyObject),
  op('DeleteObject', 'DELETE', 'object', 's3:DeleteObject', deleteObject),
  op('GetObjectTagging', 'GET', 'object?tagging', 's3:GetObjectTagging', getObjectTagging),
  op('PutObjectTagging', 'PUT', 'object?tagging', 's3:PutObjectTagging', putObjectTagging),
  op('DeleteObjectTagging', 'DELETE', 'object?tagging', 's3:DeleteObjectTagging', deleteObjectTagging),
  op('GetObjectAcl', 'GET', 'object?acl', 's3:GetObjectAcl', getObjectAcl),
  op('PutObjectAcl', 'PUT', 'object?acl', 's3:PutObjectAcl', putObjectAcl),
  op('GetObjectAttributes', 'GET', 'object?attributes', 's3:GetObjectAttributes', getObjectAttributes),
  op('GetObjectRetention', 'GET', 'object?retention', 's3:GetObjectRetention', getObjectRetention),
  op('PutObjectRetention', 'PUT', 'object?retention', 's3:PutObjectRetention', putObjectRetention),
  op('GetObjectLegalHold', 'GET', 'object?legal-hold', 's3:GetObjectLegalHold', getObjectLegalHold),
  op('PutObjectLegalHold', 'PUT', 'object?legal-hold', 's3:PutObjectLegalHold', putObjectLegalHold),
  op('RestoreObject', 'POST', 'object?restore', 's3:RestoreObject', null),
  op('SelectObjectContent', 'POST', 'object?select', 's3:GetObject', null),
  op('GetObjectTorrent', 'GET', 'object?torrent', 's3:GetObjectTorrent', null),
  op('RenameObject', 'PUT', 'object?renameObject', 's3:PutObject', null),
  // Multipart uploads
  op('CreateMultipartUpload', 'POST', 'object?uploads', 's3:PutObject', createMultipartUpload),
  op('UploadPart', 'PUT', 'object?uploadId', 's3:PutObject', uploadPart),
  copy('UploadPartCopy', 'PUT', 'object?uploadId', 's3:PutObject', uploadPartCopy),
  op('ListParts', 'GET', 'object?uploadId', 's3:ListMultipartUploadParts', listParts),
  op('CompleteMultipartUpload', 'POST', 'object?uploadId', 's3:PutObject', completeMultipartUpload),
  op('AbortMultipartUpload', 'DELETE', 'object?uploadId', 's3:AbortMultipartUpload', abortMultipartUpload),
]
