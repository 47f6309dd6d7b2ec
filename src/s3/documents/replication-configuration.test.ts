// Goal: what is accepted comes back as it was given, in both forms of rules, and no document does anything but parse or be refused. Method:
// configurations and documents made at random; the table of documents and messages lies with the compatibility tests.
import assert from 'node:assert/strict'
import test from 'node:test'
import { fc } from '../../../test/properties.ts'
import type { ReplicationConfiguration, ReplicationRule, RuleSelector } from '../../domain/bucket.ts'
import { ServiceError } from '../../domain/errors.ts'
import type { ReplicationSite } from '../../domain/replication-rule.ts'
import { parseXml } from '../xml/reader.ts'
import { parseReplicationConfiguration, replicationConfigurationXml } from './replication-configuration.ts'

const sites: readonly ReplicationSite[] = [
  { site: 'aws', isDefault: true, type: 'aws_s3' },
  { site: 'az', isDefault: false, type: 'azure' },
]

function parse(xml: string): ReplicationConfiguration {
  return parseReplicationConfiguration(parseXml(xml), sites, () => 'uuid')
}

const storageClasses = fc.constantFrom(
  undefined,
  'aws',
  'az',
  'aws,az',
  'az:preferred_read',
  'STANDARD',
  'STANDARD_IA,az',
)
const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '&', '<', 'é', '\u{1f600}', ' ', '"'), maxLength: 6 })
const tagText = fc.stringMatching(/^[a-z:=+ @-]{1,5}$/)

const prefixSelectors: fc.Arbitrary<RuleSelector[]> = fc
  .uniqueArray(text, { minLength: 1, maxLength: 4 })
  .map(prefixes => prefixes.map((prefix, index) => ({ form: 'prefix', prefix: `${index}${prefix}` }) as const))

const filterSelector = fc.oneof(
  fc.constant({ prefix: '', tags: {}, shape: 'empty' } as const),
  text.map(prefix => ({ prefix, tags: {}, shape: 'prefix' }) as const),
  fc.tuple(tagText, tagText).map(([key, value]) => ({ prefix: '', tags: { [key]: value }, shape: 'tag' }) as const),
  fc
    .record({ prefix: text, tags: fc.dictionary(tagText, tagText, { minKeys: 1, maxKeys: 4, noNullPrototype: true }) })
    .map(given => ({ ...given, shape: 'and' }) as const),
)
const filterSelectors: fc.Arbitrary<RuleSelector[]> = fc
  .array(fc.tuple(filterSelector, fc.boolean()), { minLength: 1, maxLength: 4 })
  .map(given =>
    given.map(([selector, markers], priority) => ({
      ...selector,
      form: 'filter' as const,
      priority,
      deleteMarkers: markers && Object.keys(selector.tags).length === 0,
    })),
  )

const configurations: fc.Arbitrary<ReplicationConfiguration> = fc
  .record({
    selectors: fc.oneof(prefixSelectors, filterSelectors),
    storageClass: storageClasses,
    enabled: fc.boolean(),
    destination: fc.constantFrom(null, 'arn:aws:s3:::copies'),
  })
  .map(({ selectors, storageClass, enabled, destination }) => {
    const rules = selectors.map((selector, index): ReplicationRule => {
      const rule = { id: `rule ${index}`, enabled, selector }
      return storageClass === undefined ? rule : { ...rule, storageClass }
    })
    const preferred = storageClass?.includes('preferred_read') ? { preferredReadLocation: 'az' } : undefined
    return { role: 'arn:aws:iam::*:role/x', destination, rules, ...preferred }
  })

test('a configuration goes round through its document', () => {
  fc.assert(
    fc.property(configurations, configuration => {
      // A rule that names neither bucket nor class has nothing to say about its destination, which S3 refuses.
      fc.pre(configuration.destination !== null || configuration.rules[0]?.storageClass !== undefined)
      assert.deepEqual(parse(replicationConfigurationXml(configuration)), configuration)
    }),
  )
})

test('any document is parsed or refused, never anything else', () => {
  const names = [
    'Rule',
    'ID',
    'Prefix',
    'Filter',
    'And',
    'Tag',
    'Key',
    'Value',
    'Status',
    'Priority',
    'Destination',
    'Bucket',
    'Role',
  ]
  const values = ['', 'Enabled', 'a', '1', 'arn:aws:s3:::b', 'arn:aws:s3::', 'arn:aws:iam:', 'aws,,az', '__proto__']
  const { element } = fc.letrec<{ element: string }>(tie => ({
    element: fc
      .tuple(
        fc.constantFrom(...names),
        fc.oneof(
          { depthSize: 'small' },
          fc.constantFrom(...values),
          fc.array(tie('element'), { maxLength: 5 }).map(all => all.join('')),
        ),
      )
      .map(([name, content]) => `<${name}>${content}</${name}>`),
  }))
  fc.assert(
    fc.property(fc.array(element, { maxLength: 6 }), elements => {
      try {
        parse(`<ReplicationConfiguration>${elements.join('')}</ReplicationConfiguration>`)
      } catch (error) {
        assert.ok(error instanceof ServiceError, String(error))
      }
    }),
    { numRuns: 300 },
  )
})

test('prefixes overlap exactly when one begins with another, and the first rule concerned is named', () => {
  const prefixes = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\u{1f600}', '\uf000'), maxLength: 4 }), {
    minLength: 1,
    maxLength: 8,
  })
  fc.assert(
    fc.property(prefixes, list => {
      const second = list.findIndex((prefix, index) => list.slice(0, index).some(other => overlap(prefix, other)))
      const first = list.slice(0, Math.max(second, 0)).find(other => overlap(list[second] ?? '', other))
      const message = second < 0 ? undefined : `Found overlapping prefixes '${first}' and '${list[second]}'`
      assert.equal(refusalOf(list), message)
    }),
  )
})

test('a thousand rules with the longest prefixes cost no time worth mentioning', () => {
  const list = Array.from({ length: 1000 }, (_, index) => `p${String(index).padStart(1000, '0')}`)
  const before = process.cpuUsage().user
  assert.equal(refusalOf(list), undefined)
  assert.ok(process.cpuUsage().user - before < 5_000_000)
})

function overlap(one: string, other: string): boolean {
  return one.startsWith(other) || other.startsWith(one)
}

/** The message of the refusal of a configuration with these prefixes. */
function refusalOf(prefixes: readonly string[]): string | undefined {
  const rules = prefixes.map(
    prefix =>
      `<Rule><Status>Enabled</Status><Prefix>${prefix}</Prefix>` +
      '<Destination><StorageClass>aws</StorageClass></Destination></Rule>',
  )
  try {
    parse(`<ReplicationConfiguration>${rules.join('')}<Role>arn:aws:iam::12:role/r</Role></ReplicationConfiguration>`)
    return undefined
  } catch (error) {
    assert.ok(error instanceof ServiceError)
    return error.message
  }
}
