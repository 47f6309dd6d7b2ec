// Goal: profiles are found as the AWS tools find them in their credentials file.

import assert from 'node:assert/strict'
import test from 'node:test'
import { findProfile, profileNames } from './profile.ts'

const text = `# a comment
[default]
aws_access_key_id = AK1
aws_secret_access_key=SK=1/+

[ backup ]
aws_access_key_id=AK2
aws_secret_access_key = SK2
aws_session_token = T2
[half]
aws_access_key_id = AK3
`

test('a profile gives its two keys, and its session token if it has one', () => {
  assert.deepEqual(findProfile(text, 'default'), { accessKey: 'AK1', secretKey: 'SK=1/+', sessionToken: undefined })
  assert.deepEqual(findProfile(text.replaceAll('\n', '\r\n'), 'backup'), {
    accessKey: 'AK2',
    secretKey: 'SK2',
    sessionToken: 'T2',
  })
})

test('a profile that is missing or lacks a key gives nothing', () => {
  assert.equal(findProfile(text, 'other'), undefined)
  assert.equal(findProfile(text, 'half'), undefined)
  assert.equal(findProfile('', 'default'), undefined)
})

test('the names of all profiles are known', () => {
  assert.deepEqual(profileNames(text), ['default', 'backup', 'half'])
})
