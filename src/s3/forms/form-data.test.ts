// The reader of forms on bodies cut at every place, odd forms, and hostile ones.

import assert from 'node:assert/strict'
import test from 'node:test'
import { fc } from '../../../test/properties.ts'
import { ServiceError } from '../../domain/errors.ts'
import { createFormReader, formBoundary } from './form-data.ts'

const boundary = 'xYzZY'

function part(disposition: string, value: string, more = ''): string {
  return `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n${more}\r\n${value}\r\n`
}

interface Read {
  readonly fields: readonly (readonly [string, string])[]
  readonly filename: string | undefined
  readonly data: string
  readonly ended: boolean
}

function read(body: string | Buffer, cuts: readonly number[] = [], marked = boundary): Read {
  const reader = createFormReader(marked)
  const bytes = Buffer.from(body)
  const fields: [string, string][] = []
  const data: Buffer[] = []
  let filename: string | undefined
  let ended = false
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    for (const event of reader.push(bytes.subarray(from, cut))) {
      if (event.kind === 'field') fields.push([event.name, event.value])
      else if (event.kind === 'file') filename = event.filename
      else if (event.kind === 'data') data.push(event.bytes)
      else ended = true
    }
    from = cut
  }
  return { fields, filename, data: Buffer.concat(data).toString(), ended }
}

function refusal(body: string): string {
  try {
    read(body)
    return 'none'
  } catch (error) {
    return error instanceof ServiceError ? error.code : String(error)
  }
}

const fileText = `\r\n--${boundary.slice(0, 3)}\r\n\r--\r\n--xY`
const form =
  part('name="Key"', 'a/$(filename)') +
  part('name=plain', '') +
  part('name="text"', 'line\r\nline', 'Content-Type: text/plain\r\n') +
  part('name="file"; filename="C:\\dir\\caf\u00e9.txt"', fileText, 'Content-Type: image/png\r\n') +
  part('name="late"', 'ignored') +
  `--${boundary}--\r\n`
const whole: Read = {
  fields: [
    ['key', 'a/$(filename)'],
    ['plain', ''],
    ['text', 'line\r\nline'],
  ],
  filename: 'caf\u00e9.txt',
  data: fileText,
  ended: true,
}

test('a form is read, whatever the pieces in which it arrives', () => {
  assert.deepEqual(read(form), whole)
  const length = Buffer.byteLength(form)
  for (let cut = 0; cut <= length; cut++) assert.deepEqual(read(form, [cut]), whole, `cut at ${cut}`)
  const single = Array.from({ length }, (_, index) => index)
  assert.deepEqual(read(form, single), whole)
  const cuts = fc.array(fc.nat(length), { maxLength: 8 }).map(list => list.sort((a, b) => a - b))
  fc.assert(
    fc.property(cuts, list => {
      assert.deepEqual(read(form, list), whole)
    }),
    { numRuns: 50, verbose: 1 },
  )
})

test('names of parts as browsers write them', () => {
  assert.equal(read(part('name="file"; filename="a%22b\\"c"', 'x')).filename, 'a"b"c')
  assert.equal(read(part('filename="/x/y"; name="file"', 'x')).filename, 'y')
  assert.equal(read(part('name="FILE"', 'x')).filename, '')
})

test('a file that is cut off has no end', () => {
  assert.deepEqual(read(part('name="file"', 'abc').slice(0, -3)), {
    fields: [],
    filename: '',
    data: 'ab',
    ended: false,
  })
})

test('what is no form is refused', () => {
  const long = 'a'.repeat(21_000)
  const cases: readonly (readonly [string, string])[] = [
    [`--${boundary}xx`, 'MalformedPOSTRequest'],
    [`--${boundary}\r\n\r\nno headers`, 'MalformedPOSTRequest'],
    [part('filename="a"', 'no name'), 'MalformedPOSTRequest'],
    [part('name=""', 'no name'), 'MalformedPOSTRequest'],
    [long, 'MaxPostPreDataLengthExceeded'],
    [part('name="a"', long), 'MaxPostPreDataLengthExceeded'],
    [part('name="a"', 'b', `X: ${long}`), 'MaxPostPreDataLengthExceeded'],
    [part('name="a"', 'b').repeat(400), 'MaxPostPreDataLengthExceeded'],
    [`--${boundary}--`, 'none'],
  ]
  for (const [body, code] of cases) assert.equal(refusal(body), code, body.slice(0, 60))
})

test('a file made of almost-delimiters is read in linear time', () => {
  const marked = '-'.repeat(60)
  const body = `--${marked}\r\nContent-Disposition: form-data; name="file"\r\n\r\n${`\r\n--${'-'.repeat(59)}\r`.repeat(60_000)}`
  const cuts = Array.from({ length: 500 }, (_, index) => index * 7_000)
  const started = performance.now()
  read(body, cuts, marked)
  assert.ok(performance.now() - started < 5_000)
})

test('whatever the bytes, they are read or refused with an error of the catalogue', () => {
  const piece = fc.constantFrom(
    `--${boundary}`,
    '\r\n',
    '--',
    ': ',
    'Content-Disposition: form-data; name="',
    '"',
    'file',
    ';',
    '\0',
  )
  const text = fc.array(fc.oneof(piece, fc.string()), { maxLength: 30 }).map(parts => parts.join(''))
  fc.assert(
    fc.property(text, body => {
      assert.match(refusal(body), /^(none|MalformedPOSTRequest|MaxPostPreDataLengthExceeded)$/)
    }),
    { verbose: 1 },
  )
})

test('boundaries of content types', () => {
  const cases: readonly (readonly [string | undefined, string | undefined])[] = [
    [undefined, undefined],
    ['application/json', undefined],
    ['multipart/form-data', ''],
    ['multipart/form-data; boundary=', ''],
    ['Multipart/Form-Data; charset=utf-8; Boundary=abc', 'abc'],
    ['multipart/form-data; boundary="a b"', 'a b'],
    [`multipart/form-data; boundary=${'a'.repeat(71)}`, ''],
    ['multipart/form-data; boundary=--a', '--a'],
  ]
  for (const [contentType, expected] of cases) assert.equal(formBoundary(contentType), expected, contentType)
})
