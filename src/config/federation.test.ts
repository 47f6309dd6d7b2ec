// Goal: both halves say the same, in the spelling that the original programs read, whichever form the list has.

import assert from 'node:assert/strict'
import test from 'node:test'
import { fc } from '../../test/properties.ts'
import { renderFederation } from './federation.ts'
import { formatProblem } from './problem.ts'

const list = [
  { site: 'awsbackend', type: 'aws_s3' },
  { site: 'azurebackend', type: 'azure' },
]

test('a list is rendered into both halves', () => {
  const text =
    'env_replication_endpoints:\n  - {site: awsbackend, type: aws_s3}\n  - {site: azurebackend, type: azure}\n'
  assert.deepEqual(renderFederation(text, 'all'), {
    ok: true,
    federation: {
      backbeat: { extensions: { replication: { destination: { bootstrapList: list } } } },
      cloudserver: { replicationEndpoints: list },
    },
  })
})

test('the loose form with repeated keys is rendered the same', () => {
  const text = 'env_replication_endpoints:\n  site: awsbackend\n  type: aws_s3\n  site: azurebackend\n  type: azure\n'
  const result = renderFederation(text, 'all')
  assert.ok(result.ok)
  assert.deepEqual(result.federation.cloudserver.replicationEndpoints, list)
})

test('defaults, servers and the type gcp are rendered, credentials are not', () => {
  const text = `env_replication_endpoints:
  - {site: sf, servers: ["127.0.0.1:9443", "b:80"], default: true, credentials: {accessKey: a, secretKey: b}}
  - {site: g, type: gcp, default: false}
`
  const result = renderFederation(text, 'all')
  assert.ok(result.ok)
  assert.deepEqual(result.federation.cloudserver.replicationEndpoints, [
    { site: 'sf', servers: ['127.0.0.1:9443', 'b:80'], default: true },
    { site: 'g', type: 'gcp' },
  ])
})

test('other variables of the file are not looked at, whatever they hold', () => {
  const text = 'a: !vault |\n  123\na: "{{ b }}"\nenv_replication_endpoints:\n  site: x\n  type: azure\n'
  assert.ok(renderFederation(text, 'all').ok)
})

const bad: readonly (readonly [string, ...string[]])[] = [
  ['', 'env_replication_endpoints: found nothing, expected at least one entry {site, type} or {site, servers}'],
  [
    'env_replication_endpoints: []',
    'env_replication_endpoints: found an empty list, expected at least one entry {site, type} or {site, servers} (all:1:1)',
  ],
  [
    'env_replication_endpoints: aws',
    'env_replication_endpoints: found "aws", expected a list of {site, type} and {site, servers, credentials} (all:1:1)',
  ],
  [
    'env_replication_endpoints:\n  type: azure\n',
    'env_replication_endpoints[0].site: found nothing, expected a name of 1 to 63 letters, digits, dots, hyphens and underscores (all:2:3)',
  ],
  [
    'env_replication_endpoints:\n  site: a\n  site: b\n  type: azure\n',
    'env_replication_endpoints[0]: found neither `type` nor `servers`, expected `type` (a cloud) or `servers` (another server of this family) (all:2:3)',
  ],
  [
    'env_replication_endpoints: [{site: a, type: aws}]',
    'env_replication_endpoints[0].type: found "aws", expected one of aws_s3, azure, gcp (all:1:39)',
  ],
  [
    'env_replication_endpoints: [{site: a, type: aws_s}]',
    'env_replication_endpoints[0].type: found "aws_s", expected one of aws_s3, azure, gcp; did you mean "aws_s3"? (all:1:39)',
  ],
  [
    'env_replication_endpoints: [{site: a, tpye: azure}]',
    'env_replication_endpoints[0].tpye: found an unknown key, expected one of site, type, servers, default, https, credentials; did you mean "type"? (all:1:39)',
  ],
  [
    'env_replication_endpoints: ["{{ sites }}"]',
    'env_replication_endpoints[0]: found "{{ sites }}", expected a mapping (all:1:29)',
  ],
  [
    'a: [',
    'the file: found bad indentation, or a bracket that is not closed at line 1, column 5, expected YAML or JSON',
  ],
]

for (const [text, ...lines] of bad) {
  test(`refused with what was found: ${JSON.stringify(text)}`, () => {
    const result = renderFederation(text, 'all')
    assert.ok(!result.ok)
    const found = result.problems.map(formatProblem)
    for (const line of lines) assert.ok(found.includes(line), found.join('\n'))
  })
}

test('no value of the list makes it throw', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), value => {
      renderFederation(JSON.stringify({ env_replication_endpoints: value }), 'all')
      renderFederation(
        JSON.stringify({ env_replication_endpoints: [{ site: value, type: value, servers: value }] }),
        'all',
      )
    }),
  )
})
