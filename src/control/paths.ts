// Names under which the control plane is kept and heard: paths of the state store, channels of the signal bus (Backbeat wire format where
// the original has them).

/** The desired state of a site. */
export function statePath(site: string): string {
  return `/backbeat/replication/state/${site}`
}

/** Folder of the reports of a site's live queue processors. */
export function reportsPath(site: string): string {
  return `/crossbeat/replication/applied/${site}`
}

export function reportPath(site: string, processor: string): string {
  return `${reportsPath(site)}/${processor}`
}

/** Who of many processes does what one alone may do. */
export const leasePaths = {
  populator: '/crossbeat/leases/populator',
  housekeeping: '/crossbeat/leases/housekeeping',
  lifecycle: '/crossbeat/leases/lifecycle',
  notifications: '/crossbeat/leases/notifications',
} as const

/** Told after a commit that added to the journal: its reader looks at once. */
export const journalChannel = 'crossbeat-journal'

/** Told when rows of a site may have become due without a topic entry: its queue processors look at once. */
export function workChannel(site: string): string {
  return `crossbeat-work-${site}`
}

/** The channel of a site's commands. */
export function signalChannel(replicationTopic: string, site: string): string {
  return `${replicationTopic}-${site}`
}

/** Messages of that channel, as text. */
export const signals = {
  pause: () => JSON.stringify({ action: 'pauseService' }),
  resume: () => JSON.stringify({ action: 'resumeService' }),
  schedule: (at: number) => JSON.stringify({ action: 'resumeService', date: new Date(at).toISOString() }),
  cancelSchedule: () => JSON.stringify({ action: 'deleteScheduledResumeService' }),
} as const

/** Where the S3 role of a node listens, for others that read its data. */
export function nodePath(nodeId: string): string {
  return `/crossbeat/nodes/${nodeId}`
}

/** Folder of the checks of the master keys that processes encrypt with, by the id of the key. */
export const masterKeysPath = '/crossbeat/encryption/keys'

export function masterKeyPath(id: string): string {
  return `${masterKeysPath}/${id}`
}
