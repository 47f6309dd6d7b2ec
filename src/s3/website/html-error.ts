// Errors as a website endpoint shows them: a page for people, and the same in headers.

import { STATUS_CODES } from 'node:http'
import type { ServiceError } from '../../domain/errors.ts'
import type { Answer, FlatHeaders } from '../call.ts'
import { headerValue } from '../http/answer.ts'
import { escapeXml } from '../xml/writer.ts'

/** `ofErrorDocument`: why the bucket's own error document could not be shown in its place. */
export function htmlErrorAnswer(error: ServiceError, requestId: string, ofErrorDocument?: ServiceError): Answer {
  const title = `${error.status} ${STATUS_CODES[error.status] ?? 'Error'}`
  const more =
    ofErrorDocument === undefined
      ? ''
      : '<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n' +
        itemsOf(Object.entries(factsOf(ofErrorDocument)))
  const items = itemsOf([...Object.entries(factsOf(error)), ['RequestId', requestId], ['HostId', requestId]])
  const body = `<html>\n<head><title>${title}</title></head>\n<body>\n<h1>${title}</h1>\n${items}${more}<hr/>\n</body>\n</html>\n`
  return {
    status: error.status,
    headers: [...errorHeaders(error), 'Content-Type', 'text/html; charset=utf-8'],
    body,
    errorCode: error.code,
  }
}

/** What the error says, in the order it is shown. */
function factsOf(error: ServiceError): Readonly<Record<string, string>> {
  return { Code: error.code, Message: error.message, ...error.details }
}

function itemsOf(facts: readonly (readonly [string, string])[]): string {
  const items = facts.map(
    ([name, text]) => `<li>${escapeXml(name)}: ${escapeXml(text).replaceAll("'", '&#39;')}</li>\n`,
  )
  return `<ul>\n${items.join('')}</ul>\n`
}

/** For programs that read no pages. */
export function errorHeaders(error: ServiceError): FlatHeaders {
  const details = Object.entries(error.details).flatMap(([name, text]) => [
    `x-amz-error-detail-${name}`,
    headerValue(text),
  ])
  return ['x-amz-error-code', error.code, 'x-amz-error-message', headerValue(error.message), ...details]
}
