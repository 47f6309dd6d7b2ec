// Writes XML answers by string concatenation: fast, and everything is escaped, control characters too (as numeric references, which is
// how S3 itself returns keys that XML 1.0 cannot carry).

/** Value of an element: text, number, boolean, nested content, or several elements of the same name. Undefined writes nothing. */
export type XmlValue = string | number | boolean | undefined | XmlContent | readonly XmlValue[]

/** Child elements in order. A key starting with '@' is an attribute of the parent. */
export interface XmlContent {
  readonly [name: string]: XmlValue
}

/** XML namespace of S3's documents. */
export const s3Namespace = 'http://s3.amazonaws.com/doc/2006-03-01/'

/** A whole document with declaration; `xmlns` becomes the root's namespace. */
export function xmlDocument(root: string, content: XmlContent, xmlns?: string): string {
  const attributes = xmlns === undefined ? '' : ` xmlns="${escapeXml(xmlns)}"`
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${attributes}${xmlBody(root, content)}`
}

/** One element (or, for an array, several). */
export function xmlElement(name: string, value: XmlValue): string {
  if (value === undefined) return ''
  if (typeof value !== 'object') return `<${name}>${escapeXml(String(value))}</${name}>`
  if (isList(value)) {
    let text = ''
    for (const item of value) text += xmlElement(name, item)
    return text
  }
  return `<${name}${xmlBody(name, value)}`
}

function isList(value: XmlContent | readonly XmlValue[]): value is readonly XmlValue[] {
  return Array.isArray(value)
}

/** What follows `<name`: attributes, children and the end tag. */
function xmlBody(name: string, content: XmlContent): string {
  let attributes = ''
  let children = ''
  for (const key in content) {
    const value = content[key]
    if (value === undefined) continue
    if (key.charCodeAt(0) === 0x40) attributes += ` ${key.slice(1)}="${escapeXml(String(value))}"`
    else children += xmlElement(key, value)
  }
  return children === '' ? `${attributes}/>` : `${attributes}>${children}</${name}>`
}

// All but what may stand as it is: printable ASCII without & < > ", and everything from U+00A0 up to U+FFFD
// but the two line separators, which XML 1.1 readers turn into line feeds.
const special = /[^ !#-%'-;=?-~\u00a0-\u2027\u202a-\ufffd]/
const specialAll = /[^ !#-%'-;=?-~\u00a0-\u2027\u202a-\ufffd]/g

/** Escapes text for element content and attribute values. */
export function escapeXml(text: string): string {
  return special.test(text) ? text.replace(specialAll, escapeCharacter) : text
}

function escapeCharacter(character: string): string {
  switch (character) {
    case '&':
      return '&amp;'
    case '<':
      return '&lt;'
    case '>':
      return '&gt;'
    case '"':
      return '&quot;'
    default:
      return `&#x${character.charCodeAt(0).toString(16)};`
  }
}
