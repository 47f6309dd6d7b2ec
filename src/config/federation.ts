// Turns a Federation variable file (`env_replication_endpoints`, as a list or in the loose form with repeated keys) into
// both halves that the original programs read: Backbeat's `bootstrapList` and CloudServer's `replicationEndpoints`. Pure.

import { readEndpoints } from './endpoint-list.ts'
import { createReport } from './problem.ts'
import { ownValue } from './shape.ts'
import type { Problem } from './types.ts'
import { parseYaml } from './yaml.ts'

/** One entry as both programs spell it. */
export type RenderedEndpoint =
  | { readonly site: string; readonly type: string; readonly default?: true }
  | { readonly site: string; readonly servers: readonly string[]; readonly default?: true }

export type Federation = {
  readonly backbeat: {
    readonly extensions: {
      readonly replication: { readonly destination: { readonly bootstrapList: readonly RenderedEndpoint[] } }
    }
  }
  readonly cloudserver: { readonly replicationEndpoints: readonly RenderedEndpoint[] }
}

export type FederationResult =
  | { readonly ok: true; readonly federation: Federation }
  | { readonly ok: false; readonly problems: readonly Problem[] }

const listKey = 'env_replication_endpoints'

/** The cloud types that both programs know. Credentials are not part of these halves. */
const rules = { types: ['aws_s3', 'azure', 'gcp'], credentials: 'optional' } as const

/** Reads the text of a variable file. Other variables in it are not looked at. */
export function renderFederation(text: string, fileName: string): FederationResult {
  const parsed = parseYaml(text)
  const report = createReport(path => {
    const place = parsed.locate(path)
    return place === undefined ? undefined : `${fileName}:${place}`
  })
  for (const problem of parsed.problems) {
    if (problem.path.length === 0 || problem.path[0] === listKey) {
      report.add(problem.path, problem.found, problem.expected)
    }
  }
  const list = ownValue(parsed.value, listKey)
  const endpoints = readEndpoints(list, [listKey], rules, report)
  if (report.problems.length === 0 && endpoints.length === 0) {
    report.add([listKey], report.found([listKey], list), 'at least one entry {site, type} or {site, servers}')
  }
  if (report.problems.length > 0) return { ok: false, problems: report.problems }
  const rendered = endpoints.map((endpoint): RenderedEndpoint => {
    const marked = endpoint.isDefault ? { default: true as const } : {}
    if (endpoint.kind === 'cloud') return { site: endpoint.site, type: endpoint.type, ...marked }
    return { site: endpoint.site, servers: endpoint.serverTexts, ...marked }
  })
  return {
    ok: true,
    federation: {
      backbeat: { extensions: { replication: { destination: { bootstrapList: rendered } } } },
      cloudserver: { replicationEndpoints: rendered },
    },
  }
}
