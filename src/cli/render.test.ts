// Goal: tables line up and show nothing that a terminal would obey; sizes and times read as people write them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPaint, formatBytes, formatCount, formatDuration, table } from './render.ts'
import { parseDuration, parseMoment } from './time.ts'

const plain = createPaint(false)

test('columns are as wide as their widest cell, with or without colours', () => {
  const columns = [{ title: 'NAME' }, { title: 'N', align: 'right' as const }, { title: 'LAST' }]
  const rows = [
    ['a', '1,000', 'x'],
    ['länger', '2', ''],
  ]
  assert.deepEqual(table(columns, rows, plain), ['NAME        N  LAST', 'a       1,000  x', 'länger      2'])
  const paint = createPaint(true)
  const coloured = table(columns, [['a', paint('red', '1,000'), 'x']], paint)
  assert.equal(coloured[1], 'a     \u001b[31m1,000\u001b[39m  x')
})

test('a name with an escape sequence cannot move the cursor', () => {
  const [, row = ''] = table([{ title: 'NAME' }], [['a\u001b[2Jb\rc\u0007']], plain)
  assert.ok([...row].every(character => character >= ' '))
})

test('bytes, counts and durations', () => {
  assert.deepEqual([0, 1023, 1024, 1536, 10 * 1024, 5 * 1024 ** 4].map(formatBytes), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.5 KiB',
    '10 KiB',
    '5.0 TiB',
  ])
  assert.equal(formatCount(1_234_567), '1,234,567')
  const durations = [0, 400, 4_000, 200_000, 3_600_000, 18_600_000, 183_600_000, 86_400_000 * 400]
  assert.deepEqual(durations.map(formatDuration), ['0s', '0s', '4s', '3m 20s', '1h', '5h 10m', '2d 3h', '400d'])
})

test('durations are read, everything else is not', () => {
  assert.deepEqual(['90s', '45m', '6h', '1d12h', '1d1s'].map(parseDuration), [90, 2700, 21_600, 129_600, 86_401])
  for (const text of ['', '6', 'h', '6 h', '-6h', '1.5h', '6h6h', '6H', '6hours', '1h 30m'])
    assert.equal(parseDuration(text), undefined)
})

test('moments are read with a zone, in local time, or as the next time clocks show it', () => {
  const now = new Date(2030, 0, 1, 12, 0).getTime()
  assert.equal(parseMoment('2030-01-31T22:00Z', now), Date.UTC(2030, 0, 31, 22))
  assert.equal(parseMoment('2030-01-31T22:00:30.5+02:00', now), Date.UTC(2030, 0, 31, 20, 0, 30, 500))
  assert.equal(parseMoment('2030-01-31 22:00', now), new Date(2030, 0, 31, 22).getTime())
  assert.equal(parseMoment('2030-01-31', now), new Date(2030, 0, 31).getTime())
  assert.equal(parseMoment('22:15', now), new Date(2030, 0, 1, 22, 15).getTime())
  assert.equal(parseMoment('12:00', now), new Date(2030, 0, 2, 12, 0).getTime())
  for (const text of ['', 'noon', '24:00', '2030-13-01', '2030-01-31T25:00', '1', '22', '2030'])
    assert.equal(parseMoment(text, now), undefined)
})
