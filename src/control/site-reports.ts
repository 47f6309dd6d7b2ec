// What the live queue processors of a site say of themselves, read from the state store by whoever is in another process.

import type { SiteControl } from '../domain/site-control.ts'
import { decodeControl, decodeReport, type SiteReport, untouchedSite } from '../domain/site-control.ts'
import { reportPath, reportsPath, statePath } from './paths.ts'
import type { StateStore } from './state-store.ts'

/** The reports of a site's live queue processors. */
export async function readReports(
  stateStore: Pick<StateStore, 'get' | 'children'>,
  site: string,
): Promise<readonly SiteReport[]> {
  const names = await stateStore.children(reportsPath(site))
  const values = await Promise.all(names.map(name => stateStore.get(reportPath(site, name))))
  return values.flatMap(stored => (stored === null ? [] : (decodeReport(stored.value) ?? [])))
}

/** What is wanted of a site. */
export async function readDesired(stateStore: Pick<StateStore, 'get'>, site: string): Promise<SiteControl> {
  const stored = await stateStore.get(statePath(site))
  return stored === null ? untouchedSite : decodeControl(stored.value)
}
