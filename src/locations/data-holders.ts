// PORT: who has the data that is kept in files. Files are served to other processes by the S3 role on whose disk they lie; its address may
// change with each start, the id of its node never does.
import type { HostPort } from '../config/types.ts'

export interface DataHolders {
  /** Where the S3 role of this node listens, as last announced; null when it was never heard of. `afresh`: what was known did not work. */
  addressOf(nodeId: string, options?: { readonly afresh?: boolean }): Promise<HostPort | null>
}

/** Path under which an S3 role gives other processes its data: `<this>/<location>/<name>`. */
export const dataRoute = '/_/crossbeat/data'
