// Conformance cases of locations: whole objects, what they carry, conditions, tags.
import assert from 'node:assert/strict'
import { bytesSource } from '../../src/base/byte-source.ts'
import type { Capabilities } from '../../src/locations/location.ts'
import {
  checksumsOf,
  failsWith,
  type LocationCase,
  marked,
  patterned,
  plain,
  put,
  read,
  streamed,
} from './location-subject.ts'

const needsConditions = (capabilities: Capabilities): string | undefined =>
  capabilities.conditionalWrites ? undefined : 'it has no conditional writes'

export const objectCases: readonly LocationCase[] = [
  {
    name: 'it accepts us',
    run: ({ location }) => location.probe(),
  },
  {
    name: 'what was put is there, whole and in ranges',
    async run(subject) {
      const { location, key } = subject
      const bytes = patterned(10_000)
      const written = await location.put(key, bytesSource(bytes), checksumsOf(bytes), plain)
      assert.deepEqual(await read(subject), bytes)
      const stored = await location.head(key, '')
      assert.equal(stored?.size, 10_000)
      assert.equal(stored?.etag, written.etag)
      assert.equal(stored?.isLatest, true)
      assert.equal(stored?.isDeleteMarker, false)
      assert.equal(stored?.versionId, written.versionId)
      assert.equal(written.versionId === '', !location.capabilities.versions)
      const chunks: Uint8Array[] = []
      for await (const chunk of await location.get(key, '', { start: 100, end: 300 })) chunks.push(chunk)
      assert.deepEqual(Buffer.concat(chunks), bytes.subarray(100, 300))
    },
  },
  {
    name: 'a body can be a stream, and zero bytes',
    async run(subject) {
      const bytes = patterned(100_000)
      await subject.location.put(subject.key, streamed(bytes), checksumsOf(bytes), plain)
      assert.deepEqual(await read(subject), bytes)
      const nothing = Buffer.alloc(0)
      await subject.location.put(subject.key, bytesSource(nothing), checksumsOf(nothing), plain)
      assert.equal((await subject.location.head(subject.key, ''))?.size, 0)
      assert.equal((await read(subject)).byteLength, 0)
    },
  },
  {
    name: 'checksums may be unknown',
    async run(subject) {
      const bytes = patterned(3000)
      await subject.location.put(subject.key, streamed(bytes), {}, plain)
      assert.deepEqual(await read(subject), bytes)
    },
  },
  {
    name: 'bytes that are not those of their checksum are refused, and nothing is stored',
    async run({ location, key }) {
      const bytes = patterned(3000)
      const other = checksumsOf(patterned(3000, 2))
      await failsWith(location.put(key, bytesSource(bytes), other, plain), { class: 'transient' })
      await failsWith(location.put(key, streamed(bytes), other, plain), { class: 'transient' })
      await failsWith(location.put(key, streamed(bytes), { md5: other.md5 }, plain), { class: 'transient' })
      assert.equal(await location.head(key, ''), null)
    },
  },
  {
    name: 'a source that ends early stores nothing',
    async run({ location, key }) {
      const bytes = patterned(3000)
      const short = { ...streamed(bytes.subarray(0, 2000)), size: 3000 }
      await failsWith(location.put(key, short, checksumsOf(bytes), plain), { class: 'transient' })
      assert.equal(await location.head(key, ''), null)
    },
  },
  {
    name: 'markers are there, and user metadata can not take their place',
    async run(subject) {
      const userMetadata = { 'scal-version-id': 'forged', 'scal-replication-status': 'COMPLETED' }
      await put(subject, 'x', marked('3938', { userMetadata }))
      const stored = await subject.location.head(subject.key, '')
      assert.deepEqual(stored?.markers, { 'scal-replication-status': 'REPLICA', 'scal-version-id': '3938' })
      const [newest] = await subject.location.history(subject.key, 10)
      assert.deepEqual(newest?.markers, stored?.markers)
    },
  },
  {
    name: 'user metadata, content headers and tags of any kind are taken',
    async run(subject) {
      const userMetadata = {
        plain: 'value',
        'with-dash': 'a b',
        with_underscore: 'c',
        'dotted.name': 'd',
        '1digit': 'e',
        unicode: 'grüße, 世界 🌍',
        blanks: '  two  ',
        word: '=?UTF-8?B?eA==?=',
        percent: '100%',
        tags: 'not the tags',
      }
      const attributes = {
        contentType: 'text/plain; charset=utf-8',
        cacheControl: 'max-age=60',
        contentDisposition: 'attachment; filename="ä 世.txt"',
        contentEncoding: 'identity',
        contentLanguage: 'de',
        userMetadata,
        tags: { 'a key': 'value +-=._:/@', ünïcode: '' },
      }
      await put(subject, 'x', marked('77', attributes))
      assert.equal((await subject.location.head(subject.key, ''))?.markers['scal-version-id'], '77')
      if (subject.readMetadata === undefined) return
      assert.deepEqual(await subject.readMetadata(subject.key), userMetadata)
    },
  },
  {
    name: 'keys are taken as they are',
    async run(subject) {
      const keys = [' blank', 'plus+and%20percent', "quote'(1)!*", 'a//b', 'ünï/世界', 'a&b=c?d#e', '~tilde;,:@$']
      for (const name of keys) {
        const key = `${subject.key}/${name}`
        await put({ ...subject, key }, name)
        assert.equal((await read({ ...subject, key })).toString(), name)
        // Servers that keep objects as files list `a//b` as `a/b`.
        if (name.includes('//')) continue
        assert.equal((await subject.location.history(key, 10)).length, 1, name)
      }
    },
  },
  {
    name: 'tags are replaced and removed, everything else stays',
    async run(subject) {
      const { location, key } = subject
      const { versionId } = await put(
        subject,
        'tagged',
        marked('1', { tags: { a: '1' }, userMetadata: { kept: 'yes' } }),
      )
      const tagged = await location.putTags(key, versionId, { b: '2', 'c d': 'é' })
      assert.equal(tagged.versionId, versionId)
      await location.putTags(key, versionId, {})
      const stored = await location.head(key, versionId)
      assert.equal(stored?.markers['scal-version-id'], '1')
      assert.equal((await read(subject)).toString(), 'tagged')
    },
  },
  {
    name: 'tags of what is not there can not be set',
    run: async ({ location, key }) => {
      await failsWith(location.putTags(key, '', { a: 'b' }), { class: 'object' })
    },
  },
  {
    name: 'what is not there has no head, no history and no bytes, and can be deleted',
    async run({ location, key }) {
      assert.equal(await location.head(key, ''), null)
      assert.deepEqual(await location.history(key, 10), [])
      await failsWith(
        (async () => {
          for await (const _ of await location.get(key, '', null)) assert.fail('bytes of nothing')
        })(),
        { class: 'object' },
      )
      await location.delete(`${key}/other`, '')
    },
  },
  {
    name: 'what was deleted is no longer there',
    async run(subject) {
      await put(subject, 'x')
      await subject.location.delete(subject.key, '')
      assert.equal(await subject.location.head(subject.key, ''), null)
    },
  },
  {
    name: 'a write on condition of absence fails once there is something',
    skip: needsConditions,
    async run(subject) {
      const { location, key } = subject
      const bytes = Buffer.from('first')
      const absent = { precondition: { kind: 'absent' } } as const
      const write = () => location.put(key, bytesSource(bytes), checksumsOf(bytes), plain, absent)
      await write()
      await failsWith(write(), { class: 'transient', code: 'PreconditionFailed' })
      await failsWith(location.delete(key, '', absent), { class: 'transient', code: 'PreconditionFailed' })
      await location.delete(key, '')
      await location.delete(key, '', absent)
      await write()
    },
  },
  {
    name: 'a write on condition of an ETag fails once it has changed',
    skip: needsConditions,
    async run(subject) {
      const { location, key } = subject
      const first = await put(subject, 'same')
      const second = await put(subject, 'same')
      assert.notEqual(first.etag, second.etag)
      const stale = { precondition: { kind: 'etag', etag: first.etag } } as const
      const bytes = Buffer.from('third')
      const write = (etag: string) =>
        location.put(key, bytesSource(bytes), checksumsOf(bytes), plain, { precondition: { kind: 'etag', etag } })
      await failsWith(write(first.etag), { class: 'transient', code: 'PreconditionFailed' })
      await failsWith(location.delete(key, '', stale), { class: 'transient', code: 'PreconditionFailed' })
      await failsWith(location.putTags(key, '', { a: 'b' }, stale), { class: 'transient', code: 'PreconditionFailed' })
      const tagged = await location.putTags(key, '', { a: 'b' }, { precondition: { kind: 'etag', etag: second.etag } })
      assert.notEqual(tagged.etag, second.etag)
      const third = await write(tagged.etag)
      await location.delete(key, '', { precondition: { kind: 'etag', etag: third.etag } })
      assert.equal(await location.head(key, ''), null)
    },
  },
  {
    name: 'a request given up before it starts is not sent',
    async run({ location, key }) {
      const bytes = Buffer.from('x')
      const signal = AbortSignal.abort(new Error('no longer wanted'))
      const write = location.put(key, bytesSource(bytes), checksumsOf(bytes), plain, { signal })
      const facts = await failsWith(write, { class: 'transient', code: 'Aborted' })
      assert.equal(facts.outcomeUnknown, undefined)
      assert.equal(await location.head(key, ''), null)
    },
  },
  {
    name: 'it tells when a request has been sent',
    async run({ location, key }) {
      const bytes = Buffer.from('x')
      let sent = 0
      await location.put(key, bytesSource(bytes), checksumsOf(bytes), plain, { onSent: () => (sent += 1) })
      assert.equal(sent, 1)
    },
  },
]
