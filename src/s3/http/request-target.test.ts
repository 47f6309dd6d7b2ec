// Raw request targets: what names a bucket and a key, and what is refused.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fc } from '../../../test/properties.ts'
import { ServiceError } from '../../domain/errors.ts'
import { headerMap } from './request-head.ts'
import { parseRequestTarget, splitTarget } from './request-target.ts'

function codeOf(target: string): string {
  try {
    parseRequestTarget(target)
    return 'none'
  } catch (error) {
    return error instanceof ServiceError ? error.code : String(error)
  }
}

function partsOf(target: string): readonly (string | undefined)[] {
  const { bucket, key } = parseRequestTarget(target)
  return [bucket, key]
}

test('service, bucket and object are told apart', () => {
  assert.deepEqual(partsOf('/'), [undefined, undefined])
  assert.deepEqual(partsOf('/bucket'), ['bucket', undefined])
  assert.deepEqual(partsOf('/bucket/'), ['bucket', undefined])
  assert.deepEqual(partsOf('/bucket/key'), ['bucket', 'key'])
  assert.deepEqual(partsOf('http://host:80/bucket/key?x'), ['bucket', 'key'])
})

test('keys are opaque', () => {
  for (const key of ['../../etc/passwd', '/lead', 'a//b', './x', '..', 'a/', '.', '\\..\\x', ' ', '%']) {
    assert.deepEqual(partsOf(`/b/${encodeURIComponent(key).replaceAll('%2F', '/')}`), ['b', key])
    assert.deepEqual(partsOf(`/b/${encodeURIComponent(key)}`), ['b', key])
  }
})

test('percent-encoding, plus signs and raw UTF-8 bytes are undone', () => {
  assert.deepEqual(partsOf('/b/a+b%2Bc%20d%C3%BC'), ['b', 'a b+c d\u00fc'])
  assert.deepEqual(partsOf(`/b/${Buffer.from('\u00fc\u{1f600}').toString('latin1')}`), ['b', '\u00fc\u{1f600}'])
})

test('what cannot be decoded is InvalidURI', () => {
  for (const target of [
    '/b/%',
    '/b/%f',
    '/b/%zz',
    '/b/%ff',
    '/b/%c0%af',
    '/b/%ed%a0%80',
    '/b/a%00b',
    '*',
    'bucket',
    '',
    '//key',
  ]) {
    assert.equal(codeOf(target), 'InvalidURI', target)
  }
  assert.equal(codeOf('/b?prefix=%ff'), 'InvalidURI')
})

test('a key may have 1024 bytes, not more', () => {
  assert.equal(codeOf(`/b/${'k'.repeat(1024)}`), 'none')
  assert.equal(codeOf(`/b/${'k'.repeat(1025)}`), 'KeyTooLongError')
  assert.equal(codeOf(`/b/${'%C3%BC'.repeat(512)}`), 'none')
  assert.equal(codeOf(`/b/${'%C3%BC'.repeat(513)}`), 'KeyTooLongError')
})

test('the query keeps order, repetitions and valueless parameters', () => {
  const { query, parameters, rawQuery } = parseRequestTarget('/b?versioning&prefix=a%2Fb+c&prefix=2&x=&=y&&')
  assert.equal(rawQuery, 'versioning&prefix=a%2Fb+c&prefix=2&x=&=y&&')
  assert.deepEqual(parameters, [
    { name: 'versioning', value: undefined },
    { name: 'prefix', value: 'a/b c' },
    { name: 'prefix', value: '2' },
    { name: 'x', value: '' },
    { name: '', value: 'y' },
  ])
  assert.equal(query.get('prefix'), 'a/b c')
  assert.equal(query.get('versioning'), '')
  assert.equal(query.has('acl'), false)
  assert.equal(query.get('__proto__'), undefined)
})

test('splitting keeps question marks after the first in the query', () => {
  assert.deepEqual(splitTarget('/b/k?a=?b'), { path: '/b/k', query: 'a=?b' })
})

test('every key survives encoding and parsing', () => {
  const key = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter(text => !text.includes('\0'))
  fc.assert(
    fc.property(key, text => {
      assert.equal(parseRequestTarget(`/b/${encodeURIComponent(text)}`).key, text)
    }),
    { verbose: 1 },
  )
})

test('repeated headers are joined and names are lower case', () => {
  const headers = headerMap(['X-Amz-Meta-A', '1', 'host', 'h', 'x-amz-meta-a', '2'])
  assert.deepEqual(
    [...headers],
    [
      ['x-amz-meta-a', '1,2'],
      ['host', 'h'],
    ],
  )
})
