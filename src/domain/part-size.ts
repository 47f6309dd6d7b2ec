// How an object is cut into parts for a multipart copy: the sizes the original programs use (Backbeat's range sizes), within what the
// destination can take. Pure.

const mebibyte = 1024 ** 2

/** Objects up to this size are one part, larger ones begin with parts of it. */
const firstPartBytes = 16 * mebibyte
/** While parts are smaller than `preferredPartBytesMax`, there are to be no more than `preferredPartsMax`. */
const preferredPartsMax = 1_000
const preferredPartBytesMax = 512 * mebibyte
const partsEver = 10_000

export interface PartLimits {
  readonly partBytesMin: number
  readonly partBytesMax: number
  readonly partsMax: number
}

/** One part of an object: its bytes are [start, end). */
export interface PartRange {
  /** From 1. */
  readonly partNumber: number
  readonly start: number
  readonly end: number
}

/**
 * Size of the parts of an object, the last one excepted: 16 MiB, doubled up to 512 MiB until there are at most 1,000 parts, then doubled
 * until there are as few as the destination takes. Never outside the destination's limits.
 */
export function partSizeFor(objectBytes: number, limits: PartLimits): number {
  let partBytes = firstPartBytes
  while (Math.ceil(objectBytes / partBytes) > preferredPartsMax && partBytes < preferredPartBytesMax) partBytes *= 2
  const partsMax = Math.min(limits.partsMax, partsEver)
  while (Math.ceil(objectBytes / partBytes) > partsMax) partBytes *= 2
  return Math.min(Math.max(partBytes, limits.partBytesMin), limits.partBytesMax)
}

/** The parts of an object, in order; a zero-byte object has one empty part. */
export function partRanges(objectBytes: number, partBytes: number): PartRange[] {
  const count = Math.max(1, Math.ceil(objectBytes / partBytes))
  return Array.from({ length: count }, (_, index) => {
    const start = index * partBytes
    return { partNumber: index + 1, start, end: Math.min(start + partBytes, objectBytes) }
  })
}
