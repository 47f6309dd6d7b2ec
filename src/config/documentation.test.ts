// Goal: the reference page names every key that the schema has. Method: walk the schema and look for the names.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import test from 'node:test'
import { targetSchema } from './notification-schema.ts'
import {
  azureDetailsSchema,
  configSchema,
  endpointSchema,
  locationSchema,
  type SchemaNode,
  s3DetailsSchema,
  schemaNode,
} from './schema.ts'

function keysOf(node: SchemaNode): readonly string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, property]) => [key, ...keysOf(property)])
}

test('every key of the schema stands on the reference page', async () => {
  const page = await readFile(new URL('../../docs/reference/configuration.md', import.meta.url), 'utf8')
  const schemas = [
    ...[configSchema, locationSchema, s3DetailsSchema, azureDetailsSchema, endpointSchema].map(schemaNode),
    schemaNode(targetSchema),
  ]
  const missing = schemas.flatMap(keysOf).filter(key => !page.includes(key))
  assert.deepEqual(missing, [])
})
