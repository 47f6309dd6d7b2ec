// Changes that keep the form of a request and break its sense (before it is signed), and changes to the bytes of what was framed.
import type { Dice } from './dice.ts'
import { allHeaders, allParameters, type FuzzRequest, type Pair, type Payload } from './grammar.ts'

/** Values that programs trip over. */
const nasty: readonly string[] = [
  '',
  ' ',
  '0',
  '-1',
  '1',
  '10001',
  '2147483648',
  '9007199254740993',
  '99999999999999999999',
  '1e3',
  '0x10',
  'NaN',
  'null',
  'true',
  'undefined',
  '__proto__',
  'constructor',
  '*',
  ',',
  ';',
  '/',
  '..',
  '../../etc/passwd',
  '.',
  '"',
  '""',
  '"*"',
  'bytes=-',
  'bytes=5-1',
  'bytes=0-99999999999999999999',
  'bytes=0-1,3-4',
  '2099-13-45T99:99:99Z',
  'Thu, 99 Foo 0000 99:99:99 GMT',
  '=?UTF-8?B?4pyT?=',
  '$(x)',
  "' OR 1=1 --",
  '%',
  '\\',
  '(a+)+$',
  'a'.repeat(300),
  'a'.repeat(2_000),
  ' '.repeat(400),
  'a,'.repeat(200),
  '\u00fc\u00ff',
]

/** Pieces of a path or a query, percent-encoded or meant to be. */
const nastyEncoded: readonly string[] = [
  '%00',
  '%ff',
  '%c3%28',
  '%ed%a0%80',
  '%f0%9f%98%80',
  '%',
  '%zz',
  '%2',
  '%2F',
  '%2e%2e',
  '%0d%0a',
  '%01',
  '%e2%80%ae',
  '+',
  '//',
  '/../',
  '/./',
  '&&',
  '=',
  '?',
  '\u00fc',
  'a'.repeat(1_025),
  '%F0%9F%98%80'.repeat(257),
  'x/'.repeat(500),
]

const nastyText: readonly string[] = [
  ...nasty,
  '&amp;',
  '&lt;!--',
  '&#0;',
  '&#x1;',
  '&#xD800;',
  '&#99999999;',
  '&undefined;',
  '<![CDATA[x]]>',
  '<!-- x -->',
  '<a/>',
  '\u0000',
  '\ufffe',
  '\u{1f600}',
]

function withPair(
  dice: Dice,
  pairs: readonly Pair[],
  others: readonly Pair[],
  values: readonly string[],
): readonly Pair[] {
  const at = dice.int(pairs.length)
  const [name = 'x', value = ''] = pairs[at] ?? []
  switch (dice.int(5)) {
    case 0:
      return pairs.filter((_, index) => index !== at)
    case 1:
      return pairs.length === 0 ? pairs : [...pairs, [name, dice.chance(0.5) ? value : dice.pick(values)]]
    case 2:
      return pairs.length === 0 ? pairs : pairs.with(at, [name, dice.pick(values)])
    case 3:
      return [...pairs, [dice.pick(others)[0], dice.pick(values)]]
    default:
      return [...pairs, dice.pick(others)]
  }
}

function mutatedPath(dice: Dice, path: string): string {
  const at = 1 + dice.int(path.length)
  switch (dice.int(4)) {
    case 0:
      return path.slice(0, at) + dice.pick(nastyEncoded) + path.slice(at)
    case 1:
      return `${path}/${dice.pick(nastyEncoded)}`
    case 2:
      return path.slice(0, at)
    default:
      return `/${dice.pick(['_', '_/backbeat/metadata/x', 'fuzz-9', 'FUZZ', '.', '..', 'a'.repeat(64), '127.0.0.1', 'fuzz-0'])}${path}`
  }
}

/** Elements of an XML text as ranges; no need to be exact. */
function elementsIn(text: string): readonly { readonly start: number; readonly end: number; readonly name: string }[] {
  return [...text.matchAll(/<(\w+)[^<>]*>/g)].flatMap(found => {
    const name = found[1] ?? ''
    const close = text.indexOf(`</${name}>`, found.index)
    return close < 0 ? [] : [{ start: found.index, end: close + name.length + 3, name }]
  })
}

function mutatedDocument(dice: Dice, text: string): string {
  const elements = elementsIn(text)
  const element = elements[dice.int(elements.length)]
  if (element === undefined || dice.chance(0.2)) return mutatedText(dice, text)
  const { start, end, name } = element
  const whole = text.slice(start, end)
  const open = whole.indexOf('>') + 1
  const replace = (piece: string): string => text.slice(0, start) + piece + text.slice(end)
  switch (dice.int(9)) {
    case 0:
      return replace('')
    case 1:
      return replace(whole + whole)
    case 2:
      return replace(
        whole.replaceAll(name, dice.pick(['Other', 'xsi:type', name.toLowerCase(), `${name}s`, '__proto__'])),
      )
    case 3:
      return replace(`<${name}>${dice.pick(nastyText)}</${name}>`)
    case 4:
      return replace(`<${name}/>`)
    case 5:
      return replace(`${whole.slice(0, open)}${'<x>'.repeat(dice.int(60))}`)
    case 6:
      return replace(whole.repeat(1 + dice.int(1_200)))
    case 7:
      return replace(`<Wrapped a="${dice.pick(['1', '<', '&', 'a'.repeat(9_000)])}">${whole}</Wrapped>`)
    default:
      return replace(whole.slice(0, open) + text + whole.slice(open))
  }
}

function mutatedText(dice: Dice, text: string): string {
  const at = dice.int(text.length + 1)
  switch (dice.int(7)) {
    case 0:
      return text.slice(0, at)
    case 1:
      return text.slice(0, at) + dice.pick(nastyText) + text.slice(at)
    case 2:
      return `<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c SYSTEM "file:///etc/passwd">]>${text}`
    case 3:
      return `<?xml version="1.0" encoding="${dice.pick(['UTF-16', 'latin1', 'utf-8', 'x'])}"?>${text}`
    case 4:
      return `\ufeff${text}`
    case 5:
      return text.slice(0, at) + text.slice(at + 1 + dice.int(8))
    default:
      return `${text}${text}`
  }
}

const otherMethods = ['GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'TRACE', 'M-SEARCH']
const otherPayloads: readonly Payload[] = ['signed', 'unsigned', 'chunks', 'chunks-with-trailer', 'unsigned-chunks']

/** One to three changes of sense. */
export function mutated(dice: Dice, request: FuzzRequest): FuzzRequest {
  let now = request
  for (let left = 1 + dice.int(2) * dice.int(3); left > 0; left -= 1) {
    const kind = dice.int(12)
    if (kind < 3)
      now = {
        ...now,
        query: withPair(dice, now.query, allParameters, [...nastyEncoded, ...nasty.map(encodeURIComponent)]),
      }
    else if (kind < 6) now = { ...now, headers: withPair(dice, now.headers, allHeaders, nasty) }
    else if (kind < 9 && now.body.length > 0) now = { ...now, body: mutatedBody(dice, now.body) }
    else if (kind === 9) now = { ...now, path: mutatedPath(dice, now.path) }
    else if (kind === 10) now = { ...now, method: dice.pick(otherMethods) }
    else if (kind === 11)
      now = { ...now, payload: dice.pick(otherPayloads), signing: dice.chance(0.3) ? 'none' : now.signing }
  }
  return now
}

function mutatedBody(dice: Dice, body: Buffer): Buffer {
  if (dice.chance(0.1)) return mutatedBytes(dice, body)
  const isText = body.length > 0 && (body[0] === 0x3c || body[0] === 0x7b || body[0] === 0x2d)
  return isText ? Buffer.from(mutatedDocument(dice, body.toString('utf8'))) : mutatedBytes(dice, body)
}

/** Bytes changed, taken out, doubled or cut off. */
export function mutatedBytes(dice: Dice, bytes: Buffer): Buffer {
  const at = dice.int(bytes.length + 1)
  switch (dice.int(5)) {
    case 0:
      return bytes.subarray(0, at)
    case 1:
      return Buffer.concat([bytes.subarray(0, at), dice.bytes(1 + dice.int(6)), bytes.subarray(at)])
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + dice.int(6))])
    case 3:
      return Buffer.concat([bytes, bytes.subarray(at)])
    default: {
      const changed = Buffer.from(bytes)
      for (let left = 1 + dice.int(4); left > 0 && changed.length > 0; left -= 1)
        changed[dice.int(changed.length)] = dice.int(256)
      return changed
    }
  }
}

const lineMutations: readonly ((line: string, dice: Dice) => string)[] = [
  () => '',
  line => `-${line}`,
  line => `f${line}`,
  line => `0x${line}`,
  line => `ffffffffffffffff${line}`,
  line => line.replace(';', ';x=y;'),
  line => line.replace(/[0-9a-f]/, '0'),
  line => `${line} `,
  line => `${line}\n`,
  line => `${line}${'a'.repeat(5_000)}`,
  (line, dice) => dice.pick(nasty) + line,
]

/** Lines of a chunked body changed, taken out or doubled. */
export function mutatedChunks(dice: Dice, framed: Buffer): Buffer {
  const lines = framed.toString('latin1').split('\r\n')
  const at = dice.int(lines.length)
  const line = lines[at] ?? ''
  switch (dice.int(3)) {
    case 0:
      lines.splice(at, 1)
      break
    case 1:
      lines.splice(at, 0, line)
      break
    default:
      lines[at] = dice.pick(lineMutations)(line, dice)
  }
  return Buffer.from(lines.join('\r\n'), 'latin1')
}
