// Reads the XML answers of clouds: elements and text, prefixes dropped, attributes ignored. A small reader of its own because an answer is
// no request: what is not well formed here means "no answer" (undefined), never an error of the protocol. Document types are refused.

/** One element; `text` is its own character data. */
export interface AnswerElement {
  readonly name: string
  readonly text: string
  readonly children: readonly AnswerElement[]
}

const depthMax = 24

interface OpenElement {
  readonly name: string
  text: string
  readonly children: AnswerElement[]
}

/** The root element; undefined for anything that is not a well-formed document. */
export function readAnswerXml(body: Uint8Array): AnswerElement | undefined {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
  const open: OpenElement[] = [{ name: '', text: '', children: [] }]
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0
  while (at < text.length) {
    const top = open.at(-1)
    if (top === undefined) return undefined
    const tag = text.indexOf('<', at)
    const data = tag < 0 ? text.slice(at) : text.slice(at, tag)
    if (data !== '') top.text += unescapeXml(data)
    if (tag < 0) break
    const next = readMarkup(text, tag, open)
    if (next < 0) return undefined
    at = next
  }
  const root = open[0]
  const element = root?.children[0]
  return open.length === 1 && root?.children.length === 1 && root.text.trim() === '' ? element : undefined
}

/** Takes what begins with the '<' at `tag`; returns where the text goes on, or -1 if it is not well formed. */
function readMarkup(text: string, tag: number, open: OpenElement[]): number {
  if (text.startsWith('<?', tag)) return after(text, '?>', tag)
  if (text.startsWith('<!--', tag)) return after(text, '-->', tag)
  if (text.startsWith('<![CDATA[', tag)) {
    const end = text.indexOf(']]>', tag)
    const top = open.at(-1)
    if (end < 0 || top === undefined) return -1
    top.text += text.slice(tag + 9, end)
    return end + 3
  }
  if (text.startsWith('<!', tag)) return -1
  const end = text.indexOf('>', tag)
  if (end < 0) return -1
  if (text[tag + 1] === '/') return closeElement(localName(text.slice(tag + 2, end).trim()), open) ? end + 1 : -1
  const empty = text[end - 1] === '/'
  const name = localName(/^[^\s/]+/.exec(text.slice(tag + 1, end))?.[0] ?? '')
  if (name === '' || open.length > depthMax) return -1
  open.push({ name, text: '', children: [] })
  if (empty) closeElement(name, open)
  return end + 1
}

function after(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from)
  return found < 0 ? -1 : found + mark.length
}

function closeElement(name: string, open: OpenElement[]): boolean {
  if (open.length < 2) return false
  const element = open.pop()
  if (element === undefined || element.name !== name) return false
  open.at(-1)?.children.push(element)
  return true
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1)
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescapeXml(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(#x[0-9a-fA-F]{1,6}|#\d{1,7}|[a-z]+);/g, (whole, name: string) => {
    if (!name.startsWith('#')) return entities[name] ?? whole
    const point = name[1] === 'x' ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1))
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole
  })
}

/** Text of the first child of that name, trimmed; '' when there is none. */
export function childText(element: AnswerElement, name: string): string {
  return rawChildText(element, name).trim()
}

/** Text of the first child of that name as it stands (keys may begin or end with blanks). */
export function rawChildText(element: AnswerElement, name: string): string {
  return element.children.find(child => child.name === name)?.text ?? ''
}

/** The first child of that name. */
export function childOf(element: AnswerElement, name: string): AnswerElement | undefined {
  return element.children.find(child => child.name === name)
}

/** Text for an element of a request document. */
export function escapeXmlText(text: string): string {
  return text.replace(/[&<>"\u0000-\u001f\u007f]/g, character => escapes[character] ?? `&#x${hexOf(character)};`)
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function hexOf(character: string): string {
  return character.charCodeAt(0).toString(16)
}
