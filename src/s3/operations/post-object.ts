// PostObject: an upload by a browser's form. The fields say what PutObject's headers say, and carry a policy in place of a signature of the
// request; once both are in order the file is stored as any other object.
import { serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import { isStorableText } from '../../domain/storable-text.ts'
import { authenticateForm, missingField, uncoveredFields } from '../auth/authenticate-post.ts'
import { checkPolicy, parsePolicy } from '../auth/post-policy.ts'
import type { Answer, Call, FlatHeaders } from '../call.ts'
import { formBoundary } from '../forms/form-data.ts'
import { FormUpload, type SizeRange, tooLarge, tooSmall } from '../forms/form-upload.ts'
import { invalidArgument, xmlAnswer } from '../http/answer.ts'
import type { HeaderMap } from '../http/request-head.ts'
import { checkKeyLength } from '../http/request-target.ts'
import { parseTagging } from '../objects/tag-set.ts'
import { storeObject } from './put-object.ts'

/**
 * Throws what PutObject throws, and AccessDenied, EntityTooLarge, EntityTooSmall, InvalidArgument, InvalidPolicyDocument, MalformedPOSTRequest,
 * MaxPostPreDataLengthExceeded, PreconditionFailed.
 */
export async function postObject(call: Call): Promise<Answer> {
  const form = new FormUpload(call.body, checkedBoundary(call), call.services.inlineBytes)
  try {
    await form.begun()
    return await storeForm(call, form)
  } finally {
    form.close()
  }
}

function checkedBoundary(call: Call): string {
  const boundary = formBoundary(call.headers.get('content-type'))
  if (boundary === undefined) {
    const condition = 'Bucket POST must be of the enclosure-type multipart/form-data'
    throw serviceError('PreconditionFailed', { details: { Condition: condition } })
  }
  if (boundary === '') throw serviceError('MalformedPOSTRequest')
  if (!call.headers.has('content-length')) throw serviceError('MissingContentLength')
  if (call.auth.kind === 'signed') {
    throw serviceError('InvalidRequest', {
      message: 'A form is authorised by the policy in its fields, not by an Authorization header or query parameters.',
    })
  }
  return boundary
}

async function storeForm(call: Call, form: FormUpload): Promise<Answer> {
  const { services } = call
  const now = services.world.clock.now()
  const signer = authenticateForm(form.fields, services.accounts, now, services.regions)
  const key = keyOf(form)
  const fields = new Map([...form.fields, ['key', key], ['bucket', call.bucket]])
  const allowed = signer === null ? anySize : checkPolicy(parsePolicy(signer.policy), fields, uncoveredFields, now)
  const range = { min: allowed.min, max: Math.min(allowed.max, limits.singlePutBytes) }
  const size = await form.smallSize()
  if (size !== undefined && size > range.max) throw tooLarge(size, range.max)
  if (size !== undefined && size < range.min) throw tooSmall(size, range.min)
  const stored = await storeObject(
    {
      ...call,
      key,
      target: { ...call.target, key },
      auth: signer?.auth ?? call.auth,
      headers: objectHeaders(call.headers, fields, size),
      body: form.file(range),
    },
    's3:ObjectCreated:Post',
  )
  return success({ ...call, key }, fields, stored.headers ?? [])
}

const anySize: SizeRange = { min: 0, max: limits.singlePutBytes }

/** Throws InvalidArgument, KeyTooLongError. */
function keyOf({ fields, filename }: FormUpload): string {
  const key = fields.get('key')?.replace(/\$\{filename\}/g, () => filename)
  if (key === undefined) throw missingField('key')
  if (key === '') throw serviceError('InvalidArgument', { message: 'User key must have a length greater than 0.' })
  if (!isStorableText(key)) throw invalidArgument('The key has characters that no key can have.', 'key', key)
  checkKeyLength(key)
  return key
}

/** Fields that are headers of PutObject by another name. */
const renamed: ReadonlyMap<string, string> = new Map([['acl', 'x-amz-acl']])
const headerFields =
  /^(?:cache-control|content-(?:type|disposition|encoding|language)|expires|x-amz-(?:meta-.+|storage-class|website-redirect-location|tagging|acl|request-payer|sdk-checksum-algorithm|expected-bucket-owner)|x-amz-(?:checksum|grant|object-lock|server-side-encryption).*)$/
/** Headers of the request that say something of the form, not of the object. */
const formHeaders = /^(?:content-.*|expires|cache-control|if-.*|x-amz-.*|authorization|transfer-encoding)$/

/** The request's headers (who asks from where), with what the fields say of the object. Throws MalformedXML, InvalidTag. */
function objectHeaders(headers: HeaderMap, fields: ReadonlyMap<string, string>, size: number | undefined): HeaderMap {
  const all = new Map([...headers].filter(([name]) => !formHeaders.test(name)))
  for (const [field, value] of fields) {
    const name = renamed.get(field) ?? field
    // An empty field of a form is one that nobody filled in.
    if (value !== '' && headerFields.test(name)) all.set(name, Buffer.from(value, 'utf8').toString('latin1'))
  }
  const tagging = fields.get('tagging')
  if (tagging !== undefined) all.set('x-amz-tagging', tagHeader(tagging))
  if (size !== undefined) all.set('content-length', String(size))
  return all
}

/** A Tagging document as the header that says the same. */
function tagHeader(document: string): string {
  return new URLSearchParams(parseTagging(Buffer.from(document))).toString()
}

function success(call: Call, fields: ReadonlyMap<string, string>, headers: FlatHeaders): Answer {
  const etag = headers[headers.indexOf('ETag') + 1] ?? ''
  const redirect = redirectOf(fields.get('success_action_redirect') ?? fields.get('redirect'), call, etag)
  if (redirect !== undefined) return { status: 303, headers: [...headers, 'Location', redirect] }
  const location = locationOf(call)
  const all = [...headers, 'Location', location]
  switch (fields.get('success_action_status')) {
    case '200':
      return { status: 200, headers: all }
    case '201': {
      const content = { Location: location, Bucket: call.bucket, Key: call.key, ETag: etag }
      return { ...xmlAnswer('PostResponse', content, all), status: 201 }
    }
    default:
      return { status: 204, headers: all }
  }
}

/** A redirect that is no web address is as good as none. */
function redirectOf(address: string | undefined, { bucket, key }: Call, etag: string): string | undefined {
  if (address === undefined || !/^https?:\/\/[!-~]+$/i.test(address) || !URL.canParse(address)) return undefined
  const query = `bucket=${encodeURIComponent(bucket)}&key=${encodeURIComponent(key)}&etag=${encodeURIComponent(etag)}`
  return `${address}${address.includes('?') ? '&' : '?'}${query}`
}

function locationOf({ head, bucket, key, target, isSecure }: Call): string {
  const host = (head.headers.get('host') ?? '').replace(/[^A-Za-z0-9.:[\]-]/g, '')
  // The path names the bucket unless the host does.
  const place = target.rawPath === '/' ? '' : `/${bucket}`
  const path = encodeURIComponent(key).replaceAll('%2F', '/')
  return `${isSecure ? 'https' : 'http'}://${host}${place}/${path}`
}
