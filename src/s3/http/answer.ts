// Makes answers: XML documents and S3's error document. Header values are made safe for the wire here: nothing that was stored, however
// it came in, can break an answer.
import { type ServiceError, serviceError } from '../../domain/errors.ts'
import type { Answer, FlatHeaders } from '../call.ts'
import { type XmlContent, xmlDocument } from '../xml/writer.ts'

const xmlType = 'application/xml'

/** 200 with an XML document in S3's namespace (or without one: `xmlns` undefined). */
export function xmlAnswer(root: string, content: XmlContent, headers: FlatHeaders = [], xmlns?: string): Answer {
  headers.push('Content-Type', xmlType)
  return { status: 200, headers, body: xmlDocument(root, content, xmlns) }
}

/** A refusal as S3 writes it: code, message, the extra fields, resource and request id. */
export function errorAnswer(
  error: ServiceError,
  requestId: string,
  resource: string,
  headers: FlatHeaders = [],
): Answer {
  if (error.status === 304) return { status: 304, headers, errorCode: error.code }
  headers.push('Content-Type', xmlType)
  const content = {
    Code: error.code,
    Message: error.message,
    ...error.details,
    Resource: resource,
    RequestId: requestId,
    HostId: requestId,
  }
  return { status: error.status, headers, body: xmlDocument('Error', content), errorCode: error.code }
}

/** A refusal of the `/_/` routes: JSON as Backbeat reads it (Backbeat wire format, "Common rules"). */
export function jsonErrorAnswer(error: ServiceError, requestId: string): Answer {
  const body = JSON.stringify({ code: error.code, message: error.message, resource: null, requestId })
  return { status: error.status, headers: ['Content-Type', 'application/json'], body, errorCode: error.code }
}

const unsafe = /[^\t\x20-\x7e]/
const control = /[\0-\x08\x0a-\x1f\x7f]/g

/** A stored text as a header value: UTF-8 bytes, one character per byte; control characters are dropped. */
export function headerValue(text: string): string {
  if (!unsafe.test(text)) return text
  return Buffer.from(text.replace(control, ''), 'utf8').toString('latin1')
}

/** Text of a header as its sender meant it: UTF-8 where the bytes are that, otherwise one character per byte. */
export function headerText(value: string): string {
  if (!unsafe.test(value)) return value
  const bytes = Buffer.from(value, 'latin1')
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return value
  }
}

/** The refusal of a header or parameter that asks for something this server does not do. */
export function notImplemented(what: string): ServiceError {
  return serviceError('NotImplemented', { details: { Header: what } })
}

/** InvalidArgument that names the argument. */
export function invalidArgument(message: string, name: string, value: string): ServiceError {
  return serviceError('InvalidArgument', {
    message,
    details: { ArgumentName: name, ArgumentValue: value.slice(0, 1024) },
  })
}
