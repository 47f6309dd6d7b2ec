// Version ids: inverted time, so that the newest sorts first, in the internal 27-character form and in the 32-character form shown to
// clients. Longer internal ids (other servers of this family add a suffix) show as hex. Both shown forms are read (Backbeat wire format).

declare const versionIdBrand: unique symbol
/** Internal id: 14 digits of inverted milliseconds, 6 digits of inverted sequence, 7 characters of replication group, optional suffix. */
export type VersionId = string & { readonly [versionIdBrand]: true }

const timeMax = 99_999_999_999_999
const sequenceMax = 999_999
const alphabet = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
// A zero character is in no id, and not every store takes one in a question.
const internalForm = /^\d{20}[^\0]{7,}$/
const internalLength = 27

/** Pads or cuts a replication group id to the 7 characters it takes inside a version id. */
export function replicationGroup(id: string): string {
  return id.slice(0, 7).padEnd(7, ' ')
}

/** The moment a version id stands for: milliseconds since the epoch, and a counter within the millisecond. */
export interface VersionMoment {
  readonly epochMs: number
  readonly sequence: number
}

export function makeVersionId(moment: VersionMoment, group: string): VersionId {
  const time = String(timeMax - moment.epochMs).padStart(14, '0')
  const sequence = String(sequenceMax - moment.sequence).padStart(6, '0')
  return `${time}${sequence}${replicationGroup(group)}` as VersionId
}

export function momentOf(id: VersionId): VersionMoment {
  return { epochMs: timeMax - Number(id.slice(0, 14)), sequence: sequenceMax - Number(id.slice(14, 20)) }
}

/** The next id of a key: the later of the clock and one tick after the key's newest id, so that ids never run backwards on a key. */
export function nextVersionId(nowMs: number, newest: VersionId | null, group: string): VersionId {
  if (newest === null) return makeVersionId({ epochMs: nowMs, sequence: 0 }, group)
  const last = momentOf(newest)
  if (nowMs > last.epochMs) return makeVersionId({ epochMs: nowMs, sequence: 0 }, group)
  if (last.sequence < sequenceMax) return makeVersionId({ epochMs: last.epochMs, sequence: last.sequence + 1 }, group)
  return makeVersionId({ epochMs: last.epochMs + 1, sequence: 0 }, group)
}

/** True when `a` is a later version than `b` (ids are inverted: later sorts first). */
export function isNewer(a: VersionId, b: VersionId): boolean {
  return a < b
}

function base62(value: bigint, width: number): string {
  let rest = value
  let out = ''
  while (rest > 0n) {
    out = alphabet.charAt(Number(rest % 62n)) + out
    rest /= 62n
  }
  return out.padStart(width, '0')
}

function parseBase62(text: string): bigint | null {
  let value = 0n
  for (const character of text) {
    const digit = alphabet.indexOf(character)
    if (digit < 0) return null
    value = value * 62n + BigInt(digit)
  }
  return value
}

const base62Limit = 62n
const digitPairBase = 62 ** 3

// Six base62 characters hold ten decimal digits, in two numbers that need no bigint: this runs for every PUT.
function base62TenDigits(digits: string): string {
  let value = Number(digits)
  let out = ''
  while (value >= digitPairBase) {
    out = alphabet.charAt(value % 62) + out
    value = Math.floor(value / 62)
  }
  while (value > 0) {
    out = alphabet.charAt(value % 62) + out
    value = Math.floor(value / 62)
  }
  return out.padStart(6, '0')
}

const groupForms = new Map<string, string>()
function base62Group(group: string): string {
  const known = groupForms.get(group)
  if (known !== undefined) return known
  const form = base62(BigInt(`0x${Buffer.from(group, 'utf8').toString('hex')}`), 20)
  if (groupForms.size < 1000) groupForms.set(group, form)
  return form
}

/** The form shown to clients. */
export function encodeVersionId(id: VersionId): string {
  if (id.length !== internalLength || Buffer.byteLength(id) !== internalLength)
    return Buffer.from(id, 'utf8').toString('hex')
  return base62TenDigits(id.slice(0, 10)) + base62TenDigits(id.slice(10, 20)) + base62Group(id.slice(20))
}

/** Reads a shown form; null when it is none. `null` (the word, for the null version) is not an id: callers look for it first. */
export function decodeVersionId(shown: string): VersionId | null {
  if (shown.length === 32) return decodeShort(shown)
  if (shown.length < 2 * internalLength || shown.length > 1024 || !/^(?:[0-9a-f]{2})+$/.test(shown)) return null
  const text = Buffer.from(shown, 'hex').toString('utf8')
  return internalForm.test(text) ? (text as VersionId) : null
}

function decodeShort(shown: string): VersionId | null {
  const high = parseBase62(shown.slice(0, 6))
  const low = parseBase62(shown.slice(6, 12))
  const group = parseBase62(shown.slice(12))
  if (high === null || low === null || group === null) return null
  if (high > 9_999_999_999n || low > 9_999_999_999n || group >= base62Limit ** 20n || group >> 56n !== 0n) return null
  const groupText = Buffer.from(group.toString(16).padStart(14, '0'), 'hex').toString('utf8')
  const id = String(high).padStart(10, '0') + String(low).padStart(10, '0') + groupText
  return id.length === internalLength && internalForm.test(id) ? (id as VersionId) : null
}

/** Trusts a string from our own store to be a version id. */
export function storedVersionId(text: string): VersionId {
  return text as VersionId
}
