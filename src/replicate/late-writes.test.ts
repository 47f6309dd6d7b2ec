// Goal: what was written without a claim is taken back, and only that. Method: a ledger in hand, and looks that the test runs itself.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { realWorld } from '../base/world.ts'
import { encodeVersionId, makeVersionId } from '../domain/version-id.ts'
import type { AttemptEnd, LedgerRow } from '../metadata/ledger.ts'
import { createLateWrites } from './late-writes.ts'

const memoryCapabilities = {
  ...{ tags: true, conditionalWrites: false, objectBytesMax: 1e12, partBytesMin: 1, partBytesMax: 1e9, partsMax: 10 },
  ...{ keyBytesMax: 1024, objectLock: false, clientMadeUploadIds: false },
}

const claimed: LedgerRow = {
  ...{ bucket: 'b', key: 'k', versionId: makeVersionId({ epochMs: 1, sequence: 0 }, 'g'), site: 'aws', revision: 1 },
  ...{ state: 'claimed', isDeleteMarker: false, size: 1, attempts: 1, createdAt: 0, unsettled: false },
}

function wrote(destinationVersionId: string): AttemptEnd {
  return { kind: 'done', destinationVersionId, destinationEtag: '', appliedKind: 'object', becomesApplied: true }
}

/** Late writes over a ledger that answers these rows, one after the other; looks are run by `look`. */
function late(answers: readonly (LedgerRow | null)[], history: readonly string[] = []) {
  const removed: string[] = []
  const looks: (() => void)[] = []
  const rest = [...answers]
  const writes = createLateWrites({
    ledger: { row: async () => rest.shift() ?? null },
    gateway: {
      capabilities: () => ({ ...memoryCapabilities, versions: true }),
      destinationHistory: async () =>
        history.map(versionId => ({
          ...{ versionId, etag: '', size: 1, lastModified: '', isLatest: false, isDeleteMarker: false },
          markers: { 'scal-version-id': versionId.startsWith('other') ? 'x' : encodeVersionId(claimed.versionId) },
        })),
      removeVersion: async (_target, id) => {
        removed.push(id)
      },
    },
    world: {
      timers: {
        ...realWorld.timers,
        after: (_delayMs, run) => {
          looks.push(run)
          return { cancel: () => {} }
        },
      },
    },
    lookMs: 1,
  })
  const look = async (): Promise<void> => {
    looks.shift()?.()
    await new Promise<void>(resolve => realWorld.timers.immediate(resolve))
  }
  return { ...writes, removed, looks, look }
}

describe('late writes', () => {
  test('a second copy goes when the ledger counts another one', async () => {
    const writes = late([{ ...claimed, state: 'completed', destinationVersionId: 'theirs' }])
    writes.takeBack(claimed, wrote('ours'))
    await writes.look()
    assert.deepEqual(writes.removed, ['ours'])
  })

  test('the copy that the ledger counts stays', async () => {
    const writes = late([{ ...claimed, state: 'completed', destinationVersionId: 'ours' }])
    writes.takeBack(claimed, wrote('ours'))
    await writes.look()
    assert.deepEqual([writes.removed, writes.looks], [[], []])
  })

  test('while another owner is at work nothing is removed, and it is looked at again', async () => {
    const writes = late([claimed, { ...claimed, state: 'completed', destinationVersionId: 'theirs' }])
    writes.takeBack(claimed, wrote('ours'))
    await writes.look()
    assert.deepEqual(writes.removed, [])
    await writes.look()
    assert.deepEqual(writes.removed, ['ours'])
  })

  test('of a version that is gone, and where nothing was written, nothing is removed', async () => {
    const writes = late([null])
    writes.takeBack(claimed, wrote('ours'))
    writes.takeBack(claimed, wrote(''))
    writes.takeBack(claimed, { kind: 'released', unsettled: false })
    await writes.look()
    assert.deepEqual([writes.removed, writes.looks], [[], []])
  })

  test('a write that was cut off is looked for by its marker, and only a second copy goes', async () => {
    const ended: LedgerRow = { ...claimed, state: 'completed', destinationVersionId: 'theirs' }
    const writes = late([claimed, ended], ['unseen', 'other', 'theirs'])
    writes.takeBack(claimed, { kind: 'released', unsettled: true })
    await writes.look()
    assert.deepEqual(writes.removed, [])
    await writes.look()
    assert.deepEqual(writes.removed, ['unseen'])
  })

  test('a write that was cut off and is not there is looked for a few times', async () => {
    const ended: LedgerRow = { ...claimed, state: 'completed', destinationVersionId: 'theirs' }
    const writes = late(
      Array.from({ length: 9 }, () => ended),
      ['theirs'],
    )
    writes.takeBack(claimed, { kind: 'released', unsettled: true })
    for (let count = 0; count < 9; count += 1) await writes.look()
    assert.deepEqual([writes.removed, writes.looks], [[], []])
  })
})
