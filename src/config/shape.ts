// Checks a value against a schema of schema.ts and reports everything that does not fit, with the path, what was found,
// what was expected and the nearest valid name. Written here because a reader needs better words than a validator's.

import type { Static, TSchema } from 'typebox'
import { createReport, nearestName, type Path, type Report } from './problem.ts'
import { type SchemaNode, schemaNode } from './schema.ts'

/** Whether the value has the shape of the schema; if not, the reasons are in the report. */
export function hasShape<S extends TSchema>(schema: S, value: unknown, path: Path, report: Report): value is Static<S> {
  return check(schemaNode(schema), value, path, report)
}

/** The same without a report, for values whose faults are already reported. */
export function fitsShape<S extends TSchema>(schema: S, value: unknown): value is Static<S> {
  return check(
    schemaNode(schema),
    value,
    [],
    createReport(() => undefined),
  )
}

/** A copy without the parts that do not fit, so that checks can go on with the rest. */
export function fittingParts(schema: TSchema, value: unknown): unknown {
  return prune(schemaNode(schema), value)
}

function prune(node: SchemaNode, value: unknown): unknown {
  if (node.properties === undefined || !isMapping(value)) return value
  const kept: Record<string, unknown> = {}
  for (const [key, property] of Object.entries(node.properties)) {
    const part = prune(property, ownValue(value, key))
    if (
      part !== undefined &&
      check(
        property,
        part,
        [],
        createReport(() => undefined),
      )
    )
      kept[key] = part
  }
  return kept
}

/** Own enumerable keys of a mapping, or undefined if the value is none. */
export function asMapping(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return isMapping(value) ? value : undefined
}

/** Value of an own key; what a prototype offers does not count. */
export function ownValue(value: unknown, key: string): unknown {
  return isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function check(node: SchemaNode, value: unknown, path: Path, report: Report): boolean {
  if (node.anyOf !== undefined) {
    if (node.anyOf.some(branch => fits(branch, value))) return true
    return refuse(node, value, path, report)
  }
  if (node.properties !== undefined) return checkMapping(node, value, path, report)
  if (node.items !== undefined) return checkList(node, value, path, report)
  if (fits(node, value)) return true
  return refuse(node, value, path, report)
}

/** Everything but mappings and lists. */
function fits(node: SchemaNode, value: unknown): boolean {
  if (node.enum !== undefined) return typeof value === 'string' && node.enum.includes(value)
  if ('const' in node) return value === node.const
  switch (node.type) {
    case 'string':
      return typeof value === 'string' && fitsText(node, value)
    case 'integer':
      return Number.isSafeInteger(value) && fitsNumber(node, Number(value))
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) && fitsNumber(node, value)
    case 'boolean':
      return typeof value === 'boolean'
    case 'null':
      return value === null
    default:
      return true
  }
}

function fitsText(node: SchemaNode, value: string): boolean {
  if (value.length < (node.minLength ?? 0)) return false
  if (value.length > (node.maxLength ?? Number.POSITIVE_INFINITY)) return false
  return node.pattern === undefined || new RegExp(node.pattern).test(value)
}

function fitsNumber(node: SchemaNode, value: number): boolean {
  if (value < (node.minimum ?? Number.NEGATIVE_INFINITY)) return false
  if (value > (node.maximum ?? Number.POSITIVE_INFINITY)) return false
  return node.exclusiveMinimum === undefined || value > node.exclusiveMinimum
}

function refuse(node: SchemaNode, value: unknown, path: Path, report: Report): false {
  const found = report.found(path, value, node.secret === true || node.secretKeys === true)
  const reason = typeof value === 'string' ? refusal(node.refusedValues, value) : undefined
  const nearest = typeof value === 'string' && reason === undefined ? nearestName(value, node.enum ?? []) : undefined
  report.add(path, found, reason ?? expectation(node), nearest)
  return false
}

function refusal(reasons: SchemaNode['refused'], name: string): string | undefined {
  return reasons !== undefined && Object.hasOwn(reasons, name) ? reasons[name] : undefined
}

function checkMapping(node: SchemaNode, value: unknown, path: Path, report: Report): boolean {
  if (!isMapping(value)) return refuse(node, value, path, report)
  let good = true
  const properties = node.properties ?? {}
  for (const key of Object.keys(value)) {
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined
    if (property === undefined) {
      refuseKey(node, key, path, report)
      good = false
    } else if (value[key] === undefined) {
      // A key of a JavaScript object that was left undefined is a key left out.
    } else if (!check(property, value[key], [...path, key], report)) good = false
  }
  for (const key of node.required ?? []) {
    if (ownValue(value, key) !== undefined) continue
    const property = properties[key]
    report.add([...path, key], 'nothing', property === undefined ? 'a value' : expectation(property))
    good = false
  }
  return good
}

function refuseKey(node: SchemaNode, key: string, path: Path, report: Report): void {
  const reason = refusal(node.refused, key)
  if (reason !== undefined) {
    report.add([...path, key], 'a key that has no place here', reason)
    return
  }
  const names = Object.keys(node.properties ?? {})
  const nearest = nearestName(key, names)
  const expected = names.length === 0 ? 'no keys' : `one of ${names.join(', ')}`
  if (node.secretKeys === true && nearest === undefined) {
    report.add(path, 'an unknown key (not shown)', expected)
  } else report.add([...path, key], 'an unknown key', expected, nearest)
}

function checkList(node: SchemaNode, value: unknown, path: Path, report: Report): boolean {
  if (!Array.isArray(value)) return refuse(node, value, path, report)
  if (value.length < (node.minItems ?? 0) || value.length > (node.maxItems ?? Number.POSITIVE_INFINITY)) {
    return refuse(node, value, path, report)
  }
  let good = true
  for (const [index, item] of value.entries()) {
    if (node.items !== undefined && !check(node.items, item, [...path, index], report)) good = false
  }
  return good
}

/** What a schema expects, in words. */
function expectation(node: SchemaNode): string {
  if (node.expected !== undefined) return node.expected
  if (node.enum !== undefined) return `one of ${node.enum.join(', ')}`
  if ('const' in node) return String(node.const)
  switch (node.type) {
    case 'string':
      return 'a string'
    case 'integer':
      return `a whole number${range(node)}`
    case 'number':
      return `a number${range(node)}`
    case 'boolean':
      return 'true or false'
    case 'array':
      return 'a list'
    case 'object':
      return 'a mapping'
    default:
      return 'a value'
  }
}

function range(node: SchemaNode): string {
  if (node.minimum !== undefined && node.maximum !== undefined) return ` from ${node.minimum} to ${node.maximum}`
  return ''
}
