// Which operation a request asks for: by method, by what its path names (service, bucket, object) and by its sub-resource. What S3 has and
// this server has not is refused as NotImplemented; a method that a resource does not know, as MethodNotAllowed. Nothing falls through.
import { serviceError } from '../domain/errors.ts'
import type { Operation } from './call.ts'
import { abortMultipartUpload } from './operations/abort-multipart-upload.ts'
import { deleteBucket, getBucketLocation, headBucket } from './operations/bucket.ts'
import { deleteBucketReplication, getBucketReplication, putBucketReplication } from './operations/bucket-replication.ts'
import { getBucketVersioning, putBucketVersioning } from './operations/bucket-versioning.ts'
import { completeMultipartUpload } from './operations/complete-multipart-upload.ts'
import { copyObject } from './operations/copy-object.ts'
import { createBucket } from './operations/create-bucket.ts'
import { createMultipartUpload } from './operations/create-multipart-upload.ts'
import { deleteObject } from './operations/delete-object.ts'
import { deleteObjects } from './operations/delete-objects.ts'
import { getObject, headObject } from './operations/get-object.ts'
import { listBuckets } from './operations/list-buckets.ts'
import { listMultipartUploads } from './operations/list-multipart-uploads.ts'
import { listObjectVersions } from './operations/list-object-versions.ts'
import { listObjects, listObjectsV2 } from './operations/list-objects.ts'
import { listParts } from './operations/list-parts.ts'
import { deleteObjectTagging, getObjectTagging, putObjectTagging } from './operations/object-tagging.ts'
import { putObject } from './operations/put-object.ts'
import { uploadPart, uploadPartCopy } from './operations/upload-part.ts'
import type { HeaderMap } from './request-head.ts'
import type { RequestTarget } from './request-target.ts'

export interface Route {
  /** S3's name of the operation. */
  readonly name: string
  readonly run: Operation
}

type Methods = Readonly<Partial<Record<string, Route>>>

function route(name: string, run: Operation): Route {
  return { name, run }
}

/** Resources without sub-resource. */
const plain: Readonly<Record<'service' | 'bucket' | 'object', Methods>> = {
  service: { GET: route('ListBuckets', listBuckets) },
  bucket: {
    GET: route('ListObjects', listObjects),
    HEAD: route('HeadBucket', headBucket),
    PUT: route('CreateBucket', createBucket),
    DELETE: route('DeleteBucket', deleteBucket),
  },
  object: {
    GET: route('GetObject', getObject),
    HEAD: route('HeadObject', headObject),
    PUT: route('PutObject', putObject),
    DELETE: route('DeleteObject', deleteObject),
  },
}

const bucketResources: Readonly<Record<string, Methods>> = {
  location: { GET: route('GetBucketLocation', getBucketLocation) },
  replication: {
    GET: route('GetBucketReplication', getBucketReplication),
    PUT: route('PutBucketReplication', putBucketReplication),
    DELETE: route('DeleteBucketReplication', deleteBucketReplication),
  },
  versioning: {
    GET: route('GetBucketVersioning', getBucketVersioning),
    PUT: route('PutBucketVersioning', putBucketVersioning),
  },
  versions: { GET: route('ListObjectVersions', listObjectVersions) },
  uploads: { GET: route('ListMultipartUploads', listMultipartUploads) },
  delete: { POST: route('DeleteObjects', deleteObjects) },
  'list-type': { GET: route('ListObjectsV2', listObjectsV2) },
}

const objectResources: Readonly<Record<string, Methods>> = {
  tagging: {
    GET: route('GetObjectTagging', getObjectTagging),
    PUT: route('PutObjectTagging', putObjectTagging),
    DELETE: route('DeleteObjectTagging', deleteObjectTagging),
  },
  uploads: { POST: route('CreateMultipartUpload', createMultipartUpload) },
  uploadId: {
    GET: route('ListParts', listParts),
    PUT: route('UploadPart', uploadPart),
    POST: route('CompleteMultipartUpload', completeMultipartUpload),
    DELETE: route('AbortMultipartUpload', abortMultipartUpload),
  },
}

/** The same requests with a source named in a header. */
const copies: Readonly<Record<string, Route>> = {
  PutObject: route('CopyObject', copyObject),
  UploadPart: route('UploadPartCopy', uploadPartCopy),
}

/** Sub-resources of S3 that are not here, or not on every resource. */
const otherResources = new Set([
  'abac',
  'accelerate',
  'acl',
  'analytics',
  'attributes',
  'cors',
  'delete',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'legal-hold',
  'lifecycle',
  'logging',
  'metadataConfiguration',
  'metadataInventoryTable',
  'metadataJournalTable',
  'metadataTable',
  'metrics',
  'notification',
  'object-lock',
  'ownershipControls',
  'policy',
  'policyStatus',
  'publicAccessBlock',
  'renameObject',
  'requestPayment',
  'restore',
  'retention',
  'select',
  'session',
  'tagging',
  'torrent',
  'uploadId',
  'uploads',
  'website',
])

/** Throws NotImplemented, MethodNotAllowed. */
export function findRoute(method: string, target: RequestTarget, headers: HeaderMap): Route {
  const { bucket, key } = target
  const level = bucket === undefined ? 'service' : key === undefined ? 'bucket' : 'object'
  const methods = target.rawQuery === '' ? plain[level] : methodsOf(level, target)
  const found = methods[method]
  if (found === undefined) {
    // Browser forms and preflight requests belong to parts of S3 that are not here.
    if (method === 'POST' && methods === plain.bucket) throw serviceError('NotImplemented')
    throw serviceError('MethodNotAllowed', { details: { Method: method.slice(0, 32) } })
  }
  return (headers.has('x-amz-copy-source') ? copies[found.name] : undefined) ?? found
}

function methodsOf(level: 'service' | 'bucket' | 'object', target: RequestTarget): Methods {
  const resources = level === 'bucket' ? bucketResources : level === 'object' ? objectResources : {}
  for (const name of target.query.keys()) {
    if (Object.hasOwn(resources, name)) return resources[name] ?? {}
    if (level !== 'service' && otherResources.has(name)) {
      throw serviceError('NotImplemented', {
        message: 'A parameter you provided implies functionality that is not implemented.',
        details: { Parameter: name },
      })
    }
  }
  return plain[level]
}
