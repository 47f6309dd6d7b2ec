// The Range header as S3 reads it: one range of bytes. A header that is no such range (several ranges, other units, nonsense) is ignored
// and the whole object is answered; a range beyond the object is refused.
import { serviceError } from '../../domain/errors.ts'

/** Bytes [start, end). */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

const rangeForm = /^bytes=(\d*)-(\d*)$/

/**
 * Null when there is no range to apply. The last bytes of an object that has none are all of it (RFC 7233, "Byte Ranges"), which no
 * Content-Range can say. Throws InvalidRange.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | null {
  const match = header === undefined ? null : rangeForm.exec(header.trim())
  if (match === null) return null
  const [, first = '', last = ''] = match
  if (first === '') {
    if (last === '') return null
    const length = Number(last)
    if (length === 0) throw notSatisfiable(header ?? '', size)
    if (size === 0) return null
    return { start: Math.max(0, size - length), end: size }
  }
  const start = Number(first)
  const end = last === '' ? size : Number(last) + 1
  if (last !== '' && end <= start) return null
  if (start >= size) throw notSatisfiable(header ?? '', size)
  return { start, end: Math.min(end, size) }
}

function notSatisfiable(requested: string, size: number): Error {
  return serviceError('InvalidRange', {
    details: { RangeRequested: requested.slice(0, 256), ActualObjectSize: String(size) },
  })
}

export function contentRange(range: ByteRange, size: number): string {
  return `bytes ${range.start}-${range.end - 1}/${size}`
}
