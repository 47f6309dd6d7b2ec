// Goal: problems name their place and their nearest name as a reader would, and show no secrets.

import assert from 'node:assert/strict'
import test from 'node:test'
import { fc } from '../../test/properties.ts'
import { createReport, describe, editDistance, formatPath, formatProblem, inFileOrder, nearestName } from './problem.ts'

test('a path is written with dots, indexes in brackets and unusual keys quoted', () => {
  assert.equal(formatPath(['locations', 'aws-1', 'details', 'region']), 'locations.aws-1.details.region')
  assert.equal(formatPath(['list', 0, 'site']), 'list[0].site')
  assert.equal(formatPath(['locations', 'a.b', 'type']), 'locations["a.b"].type')
  assert.equal(formatPath([]), '')
})

test('the nearest name is the one that was probably meant, or none', () => {
  assert.equal(nearestName('dataDr', ['dataDir', 'control']), 'dataDir')
  assert.equal(nearestName('secretkey', ['secretKey', 'accessKey']), 'secretKey')
  assert.equal(nearestName('tpye', ['type', 'site']), 'type')
  assert.equal(nearestName('zookeeper', ['dataDir', 's3']), undefined)
  assert.equal(nearestName('x', []), undefined)
})

test('the edit distance is symmetric, zero for equal texts only, and at most the longer length', () => {
  const word = fc.string({ maxLength: 12 })
  fc.assert(
    fc.property(word, word, (left, right) => {
      const distance = editDistance(left, right)
      assert.equal(distance, editDistance(right, left))
      assert.equal(distance === 0, left === right)
      assert.ok(distance <= Math.max(left.length, right.length))
    }),
  )
})

test('a description shows plain values, hides secrets, and masks what URLs carry', () => {
  assert.equal(describe(undefined), 'nothing')
  assert.equal(describe(null), 'an empty value')
  assert.equal(describe('abc'), '"abc"')
  assert.equal(describe(8000), '8000')
  assert.equal(describe([]), 'an empty list')
  assert.equal(describe({ a: 1 }), 'a mapping')
  assert.equal(describe('hunter2', true), 'a string (not shown)')
  assert.equal(describe(12345, true), 'a number (not shown)')
  assert.equal(describe('https://user:pw@host/x?sig=abc'), '"https://***@host/x?***"')
  assert.ok(describe('x'.repeat(1000)).length < 100)
})

test('a path that is known to be unusable is reported once', () => {
  const report = createReport(() => undefined)
  report.spoil(['a'], 'nothing', 'something')
  report.add(['a'], 'an empty string', 'a name')
  report.add(['a', 'b'], '1', '2')
  assert.deepEqual(
    report.problems.map(problem => problem.path),
    ['a', 'a.b'],
  )
})

test('what came from a reference is described by the reference', () => {
  const report = createReport(() => undefined)
  report.refer(['token'], '$' + '{TOKEN}')
  assert.equal(report.found(['token'], 'hunter2'), 'what ${' + 'TOKEN} stands for')
})

test('a problem is one line with its path, the nearest name and its place', () => {
  const problem = { path: 'a.b', found: 'x', expected: 'y', nearest: 'z', at: 'f.yaml:2:3' }
  assert.equal(formatProblem(problem), 'a.b: found x, expected y; did you mean "z"? (f.yaml:2:3)')
  assert.equal(formatProblem({ path: '', found: 'x', expected: 'y' }), 'the file: found x, expected y')
})

test('problems are put in the order of the file, by number and not by text', () => {
  const at = (place: string) => ({ path: place, found: '', expected: '', at: place })
  const sorted = inFileOrder([at('f:10:1'), at('f:9:2'), at('f:9:1'), { path: 'x', found: '', expected: '' }])
  assert.deepEqual(
    sorted.map(problem => problem.path),
    ['x', 'f:9:1', 'f:9:2', 'f:10:1'],
  )
})

test('a text of millions of characters is described at once, without showing any of it', () => {
  const before = process.cpuUsage().user
  assert.equal(describe('a'.repeat(4_000_000)), 'a string of 4000000 characters')
  assert.ok(process.cpuUsage().user - before < 2_000_000)
})
