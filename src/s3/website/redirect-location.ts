// x-amz-website-redirect-location: where a website sends those who ask for the object (Amazon S3 User Guide, "Configuring a webpage redirect").
import { serviceError } from '../../domain/errors.ts'
import { limits } from '../../domain/limits.ts'
import { headerText } from '../http/answer.ts'
import type { HeaderMap } from '../http/request-head.ts'

const header = 'x-amz-website-redirect-location'

/** Undefined: none. Throws InvalidRedirectLocation. */
export function readRedirectLocation(headers: HeaderMap): string | undefined {
  const value = headers.get(header)
  if (value === undefined) return undefined
  const location = headerText(value)
  if (!/^(?:\/|https?:\/\/)/.test(location)) throw serviceError('InvalidRedirectLocation')
  if (Buffer.byteLength(location) > limits.redirectLocationBytes) {
    throw serviceError('InvalidRedirectLocation', {
      message: 'The length of website redirect location cannot exceed 2,048 characters.',
    })
  }
  return location
}
