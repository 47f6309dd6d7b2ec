// Text outside printable ASCII in header values: encoded words (RFC 2047), as S3 stores and returns user metadata. Decoding never fails:
// what is no encoded word stays as it is.

const printable = /^[\x20-\x7e]*$/
const encodedWord = /=\?([A-Za-z0-9._-]+)(?:\*[A-Za-z0-9-]+)?\?([BbQq])\?([!-~]*?)\?=/g
/** Bytes of text per word, so that a word stays within 75 characters. */
const wordBytes = 45

/** The text as printable ASCII: unchanged where it is that, otherwise UTF-8 encoded words joined by blanks. */
export function encodeWords(text: string): string {
  if (printable.test(text)) return text
  const words: string[] = []
  let pending = ''
  let size = 0
  for (const character of text) {
    const bytes = Buffer.byteLength(character)
    if (size + bytes > wordBytes) {
      words.push(pending)
      pending = ''
      size = 0
    }
    pending += character
    size += bytes
  }
  words.push(pending)
  return words.map(word => `=?UTF-8?B?${Buffer.from(word, 'utf8').toString('base64')}?=`).join(' ')
}

/** Undoes encoded words (B and Q, of UTF-8, ISO-8859-1 and US-ASCII); blanks between adjacent words vanish. */
export function decodeWords(text: string): string {
  if (!text.includes('=?')) return text
  let decoded = ''
  let end = 0
  let afterWord = false
  for (const match of text.matchAll(encodedWord)) {
    const [whole, charset = '', encoding = '', payload = ''] = match
    const word = decodeWord(charset, encoding, payload)
    const between = text.slice(end, match.index)
    if (!(afterWord && word !== null && /^\s*$/.test(between))) decoded += between
    decoded += word ?? whole
    end = match.index + whole.length
    afterWord = word !== null
  }
  return decoded + text.slice(end)
}

function decodeWord(charset: string, encoding: string, payload: string): string | null {
  const bytes = encoding.toUpperCase() === 'B' ? decodeBase64(payload) : decodeQuoted(payload)
  if (bytes === null) return null
  const name = charset.toLowerCase()
  if (name === 'iso-8859-1' || name === 'us-ascii') return bytes.toString('latin1')
  if (name !== 'utf-8') return null
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}

function decodeBase64(payload: string): Buffer | null {
  return /^[A-Za-z0-9+/]*={0,2}$/.test(payload) ? Buffer.from(payload, 'base64') : null
}

function decodeQuoted(payload: string): Buffer | null {
  if (/=(?![0-9A-Fa-f]{2})/.test(payload)) return null
  const latin1 = payload
    .replaceAll('_', ' ')
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(latin1, 'latin1')
}
