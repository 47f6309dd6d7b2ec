// Answers the requests of a website's visitors: pages, index documents of folders, redirects and error documents, as the bucket's website
// configuration says. Visitors are nobody known and may only read: what they see is what anonymous requests may get.
import type { Bucket } from '../../domain/bucket.ts'
import { ServiceError, serviceError } from '../../domain/errors.ts'
import {
  followAll,
  followRule,
  pageKey,
  routingRuleFor,
  toFolder,
  type WebsitePages,
  type WebsiteRedirect,
  type WebsiteRequest,
} from '../../domain/website-routing.ts'
import { mayReadIfThere, noSuchBucket } from '../access/open-bucket.ts'
import type { Answer, Call } from '../call.ts'
import { headerValue } from '../http/answer.ts'
import { headersOf, type RequestHead } from '../http/request-head.ts'
import type { RequestTarget } from '../http/request-target.ts'
import { getObject, headObject } from '../operations/get-object.ts'
import { errorHeaders, htmlErrorAnswer } from './html-error.ts'

/** A visitor's request: its key may be ''. */
export interface Visit extends WebsiteRequest {
  readonly bucket: string
}

/**
 * What a visitor asks for. `hostBucket` is the bucket that the host names; without it the path does. Throws NoSuchBucket when neither does.
 */
export function visitOf(
  head: RequestHead,
  target: RequestTarget,
  address: { readonly hostBucket: string | undefined; readonly protocol: WebsiteRequest['protocol'] },
): Visit {
  const { bucket, key = '' } = target
  if (bucket === undefined) throw noSuchBucket('')
  const basePath = address.hostBucket === undefined ? `/${encodeURIComponent(bucket)}` : ''
  return {
    bucket,
    key,
    query: target.rawQuery,
    basePath,
    host: head.headers.get('host') ?? '',
    protocol: address.protocol,
  }
}

/** The head without what only clients of the API say. */
export function visitorHead(head: RequestHead): RequestHead {
  const headers = [...head.headers].filter(([name]) => name !== 'authorization' && !name.startsWith('x-amz-'))
  return { ...head, headers: new Map(headers) }
}

/** Answers a visit. `call` is anonymous, about reading an object and without query. */
export async function serveWebsite(call: Call, request: Visit): Promise<Answer> {
  const { method } = call.head
  if (method !== 'GET' && method !== 'HEAD') {
    throw serviceError('MethodNotAllowed', { details: { Method: method.slice(0, 32), ResourceType: 'OBJECT' } })
  }
  const bucket = await call.services.store.bucket(call.bucket)
  if (bucket === null) throw noSuchBucket(call.bucket)
  const { website } = bucket.settings
  if (website === undefined) throw serviceError('NoSuchWebsiteConfiguration', { details: { BucketName: bucket.name } })
  if (website.kind === 'redirect') return redirectTo(followAll(website, request))
  const rule = routingRuleFor(website, request.key, undefined)
  if (rule !== undefined) return redirectTo(followRule(rule, request))
  const found = await page(call, bucket, pageKey(website, request.key))
  return found instanceof ServiceError ? errorPage(call, { bucket, website }, request, found) : found
}

function redirectTo({ status, location }: WebsiteRedirect): Answer {
  return { status, headers: ['Location', headerValue(location)], length: 0 }
}

/** An object as visitors get it, or why they don't. */
async function page(call: Call, bucket: Bucket, key: string): Promise<Answer | ServiceError> {
  const asked = { ...call, key }
  try {
    // What an object redirects to is known before its bytes are opened.
    const described = await headObject(asked)
    const location = headerOf(described, 'x-amz-website-redirect-location')
    if (location !== undefined) return redirectTo({ status: 301, location })
    if (described.errorCode === 'NoSuchKey') return serviceError('NoSuchKey', { details: { Key: key } })
    return call.head.method === 'HEAD' ? described : await getObject(asked)
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error
    const isMissing = error.code === 'AccessDenied' && (await isOpenlyMissing(asked, bucket))
    return isMissing ? serviceError('NoSuchKey', { details: { Key: key } }) : error
  }
}

/**
 * Whether a visitor who may read the key would find nothing there. The API tells that only to those who may list the bucket; visitors of a website
 * see it anyway, and are shown "not found" (Amazon S3 User Guide, "Hosting a static website", HTTP response codes).
 */
async function isOpenlyMissing(call: Call, bucket: Bucket): Promise<boolean> {
  if (!mayReadIfThere(call, bucket, call.key)) return false
  const record = await call.services.store.version({ bucket: bucket.name, key: call.key, version: 'latest' })
  return record === null || record.isDeleteMarker
}

function headerOf({ headers = [] }: Answer, name: string): string | undefined {
  const index = headers.findIndex((item, at) => at % 2 === 0 && item === name)
  return index < 0 ? undefined : headers[index + 1]
}

/** What is shown instead of a page that cannot be. */
async function errorPage(
  call: Call,
  { bucket, website }: { readonly bucket: Bucket; readonly website: WebsitePages },
  request: WebsiteRequest,
  error: ServiceError,
): Promise<Answer> {
  const { key } = request
  const isFolder = error.code === 'NoSuchKey' && key !== '' && !key.endsWith('/')
  if (isFolder && (await isThere(call, `${key}/${website.indexSuffix}`))) return redirectTo(toFolder(request))
  const rule = routingRuleFor(website, key, error.status)
  if (rule !== undefined) return redirectTo(followRule(rule, request))
  if (website.errorKey === undefined) return htmlErrorAnswer(error, call.requestId)
  const document = await page({ ...call, headers: headersOf({}) }, bucket, website.errorKey)
  if (document instanceof ServiceError) return htmlErrorAnswer(error, call.requestId, document)
  if (document.status !== 200) return document
  const headers = [...(document.headers ?? []), ...errorHeaders(error)]
  return { ...document, status: error.status, headers, errorCode: error.code }
}

async function isThere(call: Call, key: string): Promise<boolean> {
  try {
    const { status } = await headObject({ ...call, headers: headersOf({}), key })
    return status === 200
  } catch (error) {
    if (error instanceof ServiceError) return false
    throw error
  }
}
