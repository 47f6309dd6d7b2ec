// `crossbeat status [location]`: what each location is wanted to do, what it does, and what it still has to do.
import type { LocationState } from '../api/schemas.ts'
import { type ControlOptions, chosenLocations, exitCodes, withControl } from './control-access.ts'
import type { Output } from './output.ts'
import {
  type Column,
  formatBytes,
  formatCount,
  formatDuration,
  type Paint,
  printable,
  type Style,
  table,
} from './render.ts'

const columns: readonly Column[] = [
  { title: 'LOCATION' },
  { title: 'STATE' },
  { title: 'RESUMES' },
  { title: 'BACKLOG', align: 'right' },
  { title: 'BYTES', align: 'right' },
  { title: 'OLDEST', align: 'right' },
  { title: 'FAILED', align: 'right' },
]

const stateStyles: Readonly<Record<LocationState['state'], Style>> = {
  running: 'green',
  resuming: 'cyan',
  pausing: 'cyan',
  paused: 'yellow',
}

/** Prints a table, or one JSON object per line with `json`. */
export function status(
  location: string | undefined,
  options: ControlOptions,
  output: Output,
  paint: Paint,
): Promise<number> {
  return withControl(options, output, async client => {
    const locations = await chosenLocations(client, location)
    if (options.json === true) for (const shown of locations) output.stdout(JSON.stringify(shown))
    else if (locations.length === 0) output.stdout('There are no locations to replicate to.')
    else for (const line of [...statusTable(locations, paint), ...troubles(locations, paint)]) output.stdout(line)
    return exitCodes.ok
  })
}

/** The lines of the table. */
export function statusTable(locations: readonly LocationState[], paint: Paint): readonly string[] {
  return table(
    columns,
    locations.map(location => statusRow(location, paint)),
    paint,
  )
}

function troubles(locations: readonly LocationState[], paint: Paint): readonly string[] {
  return locations.flatMap(({ name, trouble, removedUnread }) => [
    ...(trouble === null
      ? []
      : [
          `${paint('red', `${name} is held up`)} (it is tried again and again, nothing is lost): ${printable(trouble)}`,
        ]),
    ...(removedUnread === 0
      ? []
      : [
          `${paint('yellow', `${name} is paused for longer than its topic keeps entries`)}: ${formatCount(removedUnread)} are gone; the ledger brings their versions when it resumes`,
        ]),
  ])
}

function statusRow(location: LocationState, paint: Paint): readonly string[] {
  const { backlog, failed } = location
  return [
    location.name,
    paint(stateStyles[location.state], stateText(location)),
    location.desired.resumeAt ?? '-',
    formatCount(backlog.objects),
    formatBytes(backlog.bytes),
    backlog.oldestAt === null ? '-' : formatDuration(backlog.oldestAgeSeconds * 1000),
    failed.objects === 0 ? '0' : paint('red', formatCount(failed.objects)),
  ]
}

/** `paused`; `paused, 2 in flight` until the last task of a pause has ended; `running, held up` while the location cannot be used. */
export function stateText(location: LocationState): string {
  const settling = location.desired.paused && location.inFlight > 0
  if (settling) return `${location.state}, ${location.inFlight} in flight`
  return location.trouble === null || location.desired.paused ? location.state : `${location.state}, held up`
}
