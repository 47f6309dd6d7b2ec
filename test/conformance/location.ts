// The conformance suite of the Location port: what every location does, run by each adapter against a real server or a memory. Cases that a
// location's capabilities rule out are skipped with the reason.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Capabilities, Location } from '../../src/locations/location.ts'
import { objectCases } from './location-objects.ts'
import type { LocationCase, Subject } from './location-subject.ts'
import { uploadCases } from './location-uploads.ts'
import { versionCases } from './location-versions.ts'

export interface LocationUnderTest {
  readonly name: string
  /** False, or why this location can not be tested here. */
  readonly skip?: false | string
  make(): Promise<{
    readonly location: Location
    readonly readMetadata?: NonNullable<Subject['readMetadata']>
    close(): Promise<void>
  }>
}

const cases: readonly LocationCase[] = [...objectCases, ...versionCases, ...uploadCases]

/** Registers the suite for one location. */
export function locationConformance(tested: LocationUnderTest): void {
  describe(`location ${tested.name}`, { skip: tested.skip ?? false }, () => {
    let made: Awaited<ReturnType<LocationUnderTest['make']>> | undefined
    before(async () => {
      made = await tested.make()
    })
    after(async () => {
      await made?.location.close()
      await made?.close()
    })
    for (const [index, { name, skip, run }] of cases.entries()) {
      test(name, async context => {
        assert.ok(made)
        const reason = skip?.(made.location.capabilities)
        if (reason !== undefined) return context.skip(reason)
        await run({ location: made.location, key: `case ${index}/ä key`, readMetadata: made.readMetadata })
      })
    }
    test('it declares limits that make sense', () => {
      assert.ok(made)
      requireSensible(made.location.capabilities)
    })
  })
}

function requireSensible(capabilities: Capabilities): void {
  assert.ok(capabilities.partBytesMin <= 5 * 1024 ** 2)
  assert.ok(capabilities.partBytesMax >= 512 * 1024 ** 2)
  assert.ok(capabilities.partsMax >= 1000)
  assert.ok(capabilities.objectBytesMax >= 1024 ** 4)
  assert.ok(capabilities.keyBytesMax >= 1024)
}
