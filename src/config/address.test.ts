// Goal: addresses are read strictly, and what only this machine can reach is known as such.

import assert from 'node:assert/strict'
import test from 'node:test'
import { formatHostPort, isLoopback, parseHostPort } from './address.ts'

test('host:port is read with names, IPv4 and bracketed IPv6', () => {
  assert.deepEqual(parseHostPort('127.0.0.1:8000'), { host: '127.0.0.1', port: 8000 })
  assert.deepEqual(parseHostPort('peer.example:1'), { host: 'peer.example', port: 1 })
  assert.deepEqual(parseHostPort('[::1]:8000'), { host: '::1', port: 8000 })
  assert.equal(formatHostPort({ host: '::1', port: 8000 }), '[::1]:8000')
  assert.equal(formatHostPort({ host: 'a', port: 80 }), 'a:80')
})

test('port 0 and a missing port are read only where they mean something', () => {
  assert.equal(parseHostPort('127.0.0.1:0'), undefined)
  assert.deepEqual(parseHostPort('127.0.0.1:0', { zero: true }), { host: '127.0.0.1', port: 0 })
  assert.equal(parseHostPort('host'), undefined)
  assert.deepEqual(parseHostPort('host', { defaultPort: 80 }), { host: 'host', port: 80 })
})

test('anything else is refused', () => {
  const bad = [
    '',
    ':8000',
    '8000',
    'a:',
    'a:65536',
    'a:-1',
    'a:1x',
    'http://a:80',
    '::1:80',
    '[::1',
    '[x]:1',
    '300.1.1.1:80',
  ]
  for (const text of [...bad, 'a b:1', 'a/b:1', 'a:1/', 'u@h:1', '-a:1', `${'a'.repeat(254)}:1`, '1.2.3:4']) {
    assert.equal(parseHostPort(text), undefined, text)
  }
})

test('loopback is 127.0.0.0/8, ::1 and localhost', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', '0:0:0:0:0:0:0:1', 'localhost', 'LOCALHOST'])
    assert.ok(isLoopback(host), host)
  for (const host of ['0.0.0.0', '::', '128.0.0.1', '::11', 'localhost.example', '127.example'])
    assert.ok(!isLoopback(host), host)
})
