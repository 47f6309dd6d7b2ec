// Goal: any text is answered with a value or with problems, quickly, and no problem quotes the text.

import assert from 'node:assert/strict'
import test from 'node:test'
import { fc } from '../../test/properties.ts'
import { formatYaml, parseYaml } from './yaml.ts'

test('JSON is read as YAML, and positions are those of the keys', () => {
  const parsed = parseYaml('{"a": {"b": [1, true, null, "x"]},\n "c": 1.5}')
  assert.deepEqual(parsed.value, { a: { b: [1, true, null, 'x'] }, c: 1.5 })
  assert.equal(parsed.locate(['c']), '2:2')
  assert.equal(parsed.locate(['a', 'b', 3]), '1:29')
  assert.equal(parsed.locate(['c', 'missing']), '2:2')
  assert.equal(parsed.locate([]), undefined)
})

test('an empty document is null', () => {
  assert.deepEqual(parseYaml('').value, null)
  assert.deepEqual(parseYaml('# nothing\n').problems, [])
})

test('a key that stands twice is a problem at its path', () => {
  const { problems } = parseYaml('s3:\n  listen: a\n  listen: b\n')
  assert.deepEqual(problems, [{ path: ['s3', 'listen'], found: 'the key a second time', expected: 'each key once' }])
})

test('the loose form of env_replication_endpoints becomes the list that it stands for', () => {
  const text = 'env_replication_endpoints:\n  site: a\n  type: aws_s3\n  site: b\n  type: azure\n  default: true\n'
  const parsed = parseYaml(text)
  assert.deepEqual(parsed.value, {
    env_replication_endpoints: [
      { site: 'a', type: 'aws_s3' },
      { site: 'b', type: 'azure', default: true },
    ],
  })
  assert.deepEqual(parsed.problems, [])
  assert.equal(parsed.locate(['env_replication_endpoints', 1, 'type']), '5:3')
})

test('the loose form may begin each entry with its type', () => {
  const { value } = parseYaml('env_replication_endpoints: {type: aws_s3, site: a, type: azure, site: b}')
  assert.deepEqual(value, {
    env_replication_endpoints: [
      { type: 'aws_s3', site: 'a' },
      { type: 'azure', site: 'b' },
    ],
  })
})

test('the key __proto__ is a key and no prototype', () => {
  const { value } = parseYaml('__proto__: {polluted: true}')
  assert.ok(typeof value === 'object' && value !== null)
  assert.ok(Object.hasOwn(value, '__proto__'))
  assert.equal(Object.getPrototypeOf(value), Object.prototype)
})

test('bad syntax is answered with line and column, without a word of the text', () => {
  const texts = ['a: hunter2\n\tb: hunter2', 'a: [hunter2', 'a: "hunter2', 'hunter2: x: y', 'a: b\n---\nhunter2: 1']
  for (const text of texts) {
    const { value, problems } = parseYaml(text)
    assert.equal(value, undefined, text)
    assert.ok(problems.length > 0, text)
    assert.match(problems[0]?.found ?? '', /line \d+, column \d+$/)
    assert.ok(!JSON.stringify(problems).includes('hunter2'), JSON.stringify(problems))
  }
})

test('an alias without its anchor is a problem', () => {
  const { problems } = parseYaml('a: {b: *hunter2}')
  assert.deepEqual(problems, [{ path: ['a', 'b'], found: 'an alias without its anchor', expected: 'a value' }])
})

test('documents built to exhaust memory or stack are refused', () => {
  const levels = Array.from(
    { length: 12 },
    (_, index) => `l${index}: &l${index} [${index === 0 ? '1' : `*l${index - 1},`.repeat(9)}]`,
  )
  const hostile = [
    '['.repeat(20_000),
    '{a: '.repeat(20_000),
    levels.join('\n'),
    'a: &a [*a]',
    `${'x'.repeat(5_000_000)}`,
  ]
  for (const text of hostile) assert.ok(parseYaml(text).problems.length > 0, text.slice(0, 20))
})

test('any text is answered without an exception', () => {
  const piece = fc.constantFrom(
    'a',
    ': ',
    '- ',
    '\n',
    '  ',
    '{',
    '}',
    '[',
    ']',
    ',',
    '"',
    "'",
    '&x ',
    '*x',
    '!t ',
    '? ',
    '|',
    '%',
    '\t',
    '---\n',
    '<<',
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 30 }).map(pieces => pieces.join('')),
  )
  fc.assert(
    fc.property(text, sample => void parseYaml(sample)),
    { numRuns: 500 },
  )
})

test('what is written is read back as it is', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), sample => {
      const value: unknown = JSON.parse(JSON.stringify({ sample }))
      assert.deepEqual(parseYaml(formatYaml(value)).value, value)
    }),
    { numRuns: 300 },
  )
})
