// What an import has to say about the keys of the original programs' files, and how it is printed. Values are never part
// of a finding: they may be secrets.

import { formatPath, type Path } from '../problem.ts'

/** The files an import reads, by the names of the command's options. */
export type SourceName = 'cloudserver' | 'locations' | 'authdata' | 'backbeat'

export type Verdict = 'converted' | 'not needed' | 'not supported' | 'contradictory' | 'unknown'

export type Finding = {
  readonly source: SourceName
  readonly path: Path
  readonly verdict: Verdict
  /** For everything but `converted`: why, or what follows from it. */
  readonly text: string
}

/** Collects findings; the last one about a path is the one that counts, except that a contradiction stands beside it. */
export type Findings = {
  add(source: SourceName, path: Path, verdict: Verdict, text?: string): void
  readonly list: readonly Finding[]
}

/** An empty collection. */
export function createFindings(): Findings {
  const findings = new Map<string, Finding>()
  return {
    add(source, path, verdict, text = '') {
      const kind = verdict === 'contradictory' ? verdict : 'verdict'
      const key = JSON.stringify([source, kind, ...path, verdict === 'contradictory' ? text : ''])
      findings.delete(key)
      findings.set(key, { source, path, verdict, text })
    },
    get list() {
      return [...findings.values()]
    },
  }
}

/** `backbeat: kafka.hosts: not needed: why`. */
export function formatFinding(finding: Finding): string {
  const subject = finding.path.length === 0 ? 'the file' : formatPath(finding.path)
  return `${finding.source}: ${subject}: ${finding.verdict}${finding.text === '' ? '' : `: ${finding.text}`}`
}

/** How many keys got which verdict. */
export function summarize(findings: readonly Finding[]): string {
  const verdicts: readonly Verdict[] = ['converted', 'not needed', 'not supported', 'contradictory', 'unknown']
  return verdicts
    .map(verdict => `${findings.filter(finding => finding.verdict === verdict).length} ${verdict}`)
    .join(', ')
}
