// ListObjects in both versions: current objects, in the byte order of their names, rolled up at a delimiter.
import type { Listing } from '../../metadata/metadata-store.ts'
import { openBucket } from '../access/open-bucket.ts'
import type { Answer, Call } from '../call.ts'
import { invalidArgument, xmlAnswer } from '../http/answer.ts'
import {
  commonPrefixes,
  emptyListing,
  type ListParameters,
  listedObject,
  listParameters,
  unlessEmpty,
  versionsOf,
} from '../listing.ts'
import { s3Namespace } from '../xml/writer.ts'

async function listCurrent(call: Call, parameters: ListParameters, after: string): Promise<Listing> {
  const { bucket } = await openBucket(call)
  const { prefix, delimiter, maxKeys } = parameters
  refuseUnordered(call, delimiter)
  if (maxKeys === 0) return emptyListing
  return call.services.store.list({ bucket: bucket.name, prefix, delimiter, after, maxKeys, what: 'current' })
}

/** Ceph's parameter for a list in any order: ours has one at no cost. Beside a delimiter Ceph refuses it. Throws InvalidArgument. */
function refuseUnordered(call: Call, delimiter: string): void {
  const asked = call.query.get('allow-unordered')
  if (asked?.toLowerCase() !== 'true' || delimiter === '') return
  throw invalidArgument('A list in any order cannot have a delimiter', 'allow-unordered', asked)
}

/** What XML 1.0 cannot carry, whatever it is written as. */
const notXml = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/

/** The older form: goes on after a name that the client gives. */
export async function listObjects(call: Call): Promise<Answer> {
  const parameters = listParameters(call)
  const { prefix, delimiter, maxKeys, encodingType, shown } = parameters
  const marker = call.query.get('marker') ?? ''
  const listing = await listCurrent(call, parameters, marker)
  // Without a delimiter the last key says where to go on, and S3 leaves the element out.
  const nextMarker = listing.truncated && delimiter !== '' ? listing.next?.key : undefined
  const content = {
    Name: call.bucket,
    // The older form gives the prefix back as it came: SDKs decode all other names, and not this one.
    Prefix: notXml.test(prefix) ? shown(prefix) : prefix,
    Marker: shown(marker),
    NextMarker: nextMarker === undefined ? undefined : shown(nextMarker),
    MaxKeys: maxKeys,
    Delimiter: unlessEmpty(shown(delimiter)),
    EncodingType: encodingType,
    IsTruncated: listing.truncated,
    Contents: versionsOf(listing).map(version => listedObject(version, parameters, true)),
    CommonPrefixes: commonPrefixes(listing, parameters),
  }
  return xmlAnswer('ListBucketResult', content, [], s3Namespace)
}

/** A continuation token is the name to go on after, made opaque so that nobody builds on what is in it. */
function makeToken(key: string): string {
  return Buffer.from(`1${key}`, 'utf8').toString('base64url')
}

function readToken(token: string): string {
  const text = Buffer.from(token, 'base64url').toString('utf8')
  if (text.startsWith('1') && makeToken(text.slice(1)) === token) return text.slice(1)
  throw invalidArgument('The continuation token provided is incorrect', 'continuation-token', token)
}

export async function listObjectsV2(call: Call): Promise<Answer> {
  const parameters = listParameters(call)
  const { prefix, delimiter, maxKeys, encodingType, shown } = parameters
  const listType = call.query.get('list-type') ?? ''
  if (listType !== '2') throw invalidArgument('Invalid List Type specified in Request', 'list-type', listType)
  const startAfter = call.query.get('start-after') ?? ''
  const token = call.query.get('continuation-token')
  // An empty token is none, and is given back.
  const after = token === undefined || token === '' ? startAfter : readToken(token)
  const withOwner = call.query.get('fetch-owner') === 'true'
  const listing = await listCurrent(call, parameters, after)
  const content = {
    Name: call.bucket,
    Prefix: shown(prefix),
    StartAfter: unlessEmpty(shown(startAfter)),
    ContinuationToken: token,
    NextContinuationToken: listing.truncated && listing.next !== undefined ? makeToken(listing.next.key) : undefined,
    KeyCount: listing.entries.length,
    MaxKeys: maxKeys,
    Delimiter: unlessEmpty(shown(delimiter)),
    EncodingType: encodingType,
    IsTruncated: listing.truncated,
    Contents: versionsOf(listing).map(version => listedObject(version, parameters, withOwner)),
    CommonPrefixes: commonPrefixes(listing, parameters),
  }
  return xmlAnswer('ListBucketResult', content, [], s3Namespace)
}
