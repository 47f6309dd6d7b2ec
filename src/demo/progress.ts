// The live table of the newcomer's run: object, size, site, status and lag of every copy, until all have ended. On a terminal it is drawn in
// place; elsewhere one line is printed when a copy ends.
import { styleText } from 'node:util'
import { attemptsEnded } from '../base/channels.ts'
import type { Timer, World } from '../base/world.ts'
import { sleep } from '../base/world.ts'
import { decodeVersionId } from '../domain/version-id.ts'
import type { RowState } from '../metadata/ledger.ts'
import type { MetadataStore } from '../metadata/metadata-store.ts'
import type { Uploaded } from './bucket.ts'

const pollMs = 100
const keyWidth = 28

interface Copy {
  readonly key: string
  readonly size: number
  readonly site: string
  readonly versionId: string
  /** Epoch ms of the PUT's commit. */
  readonly since: number
  readonly state: RowState
  readonly endedAt: number | undefined
}

export interface Progress {
  /** Begins to follow an uploaded version. */
  add(uploaded: Uploaded): void
  /** Resolves when all added copies have ended; answers whether all are COMPLETED. */
  finished(): Promise<boolean>
}

interface ProgressOptions {
  readonly store: MetadataStore
  readonly bucket: string
  readonly world: World
  readonly out: NodeJS.WriteStream
}

export function openProgress({ store, bucket, world, out }: ProgressOptions): Progress {
  const uploads: Uploaded[] = []
  const endedAt = new Map<string, number>()
  const unsubscribe = attemptsEnded.subscribe(event => {
    if (event.bucket === bucket && event.outcome === 'done')
      endedAt.set(`${event.site} ${event.versionId}`, world.clock.now())
  })
  const copies = async (): Promise<Copy[]> => {
    const found: Copy[] = []
    for (const { key, versionId: shown, size } of uploads) {
      const versionId = decodeVersionId(shown)
      if (versionId === null) continue
      for (const row of await store.ledger.rowsOf({ bucket, key, versionId })) {
        const name = `${row.site} ${versionId}`
        // Where other processes do the work, it ended when that was first seen.
        if (isEnded(row.state) && !endedAt.has(name)) endedAt.set(name, world.clock.now())
        const ended = endedAt.get(name)
        found.push({ key, size, site: row.site, versionId, since: row.createdAt, state: row.state, endedAt: ended })
      }
    }
    return found
  }
  // From the first upload on, so that it is known when each copy ended, wherever the work is done.
  let timer: Timer | null = null
  let isShown = false
  const look = (): void => {
    if (isShown) return
    const run = (): void => void copies().then(look, () => {})
    timer = world.timers.after(pollMs, run, { background: true })
  }
  look()
  return {
    add: uploaded => void uploads.push(uploaded),
    async finished() {
      isShown = true
      timer?.cancel()
      const screen = out.isTTY ? tableScreen(out) : lineScreen(out)
      for (;;) {
        const now = await copies()
        screen.show(now, world.clock.now())
        if (now.length > 0 && now.every(copy => isEnded(copy.state))) {
          unsubscribe()
          return now.every(copy => copy.state === 'completed')
        }
        await sleep(world.timers, pollMs)
      }
    },
  }
}

function isEnded(state: RowState): boolean {
  return state === 'completed' || state === 'skipped' || state === 'quarantined'
}

/** The word that clients see in the backend's status. */
function statusWord(state: RowState): string {
  if (state === 'completed') return 'COMPLETED'
  if (state === 'quarantined') return 'FAILED'
  if (state === 'skipped') return 'SKIPPED'
  return 'PENDING'
}

interface Screen {
  show(copies: readonly Copy[], now: number): void
}

function tableScreen(out: NodeJS.WriteStream): Screen {
  let drawn = 0
  return {
    show(copies, now) {
      const lines = [
        styleText('dim', columns(['object', 'size', 'site', 'status', 'lag'])),
        ...copies.map(copy => coloured(copy, now)),
      ]
      const up = drawn > 0 ? `\u001b[${drawn}A` : ''
      out.write(`${up}${lines.map(line => `\u001b[2K${line}`).join('\n')}\n`)
      drawn = lines.length
    },
  }
}

function lineScreen(out: NodeJS.WriteStream): Screen {
  const shown = new Set<string>()
  out.write(`${columns(['object', 'size', 'site', 'status', 'lag'])}\n`)
  return {
    show(copies, now) {
      for (const copy of copies) {
        const id = `${copy.site} ${copy.versionId}`
        if (!isEnded(copy.state) || shown.has(id)) continue
        shown.add(id)
        out.write(`${row(copy, now)}\n`)
      }
    },
  }
}

function coloured(copy: Copy, now: number): string {
  const line = row(copy, now)
  const word = statusWord(copy.state)
  const colour = word === 'COMPLETED' ? 'green' : word === 'FAILED' ? 'red' : 'yellow'
  return line.replace(word, styleText(colour, word))
}

function row(copy: Copy, now: number): string {
  const lagMs = Math.max(0, (copy.endedAt ?? now) - copy.since)
  return columns([copy.key, sizeText(copy.size), copy.site, statusWord(copy.state), lagText(lagMs)])
}

function columns(cells: readonly string[]): string {
  const [key = '', size = '', site = '', status = '', lag = ''] = cells
  const name = key.length > keyWidth ? `${key.slice(0, keyWidth - 1)}…` : key
  return `  ${padded(name, keyWidth)}  ${size.padStart(9)}  ${site.padEnd(12)}  ${status.padEnd(10)}  ${lag.padStart(8)}`
}

/** East Asian wide characters take two columns of a terminal. */
function padded(text: string, width: number): string {
  const wide = Array.from(text).filter(character =>
    /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/.test(character),
  ).length
  return text.padEnd(width - wide)
}

function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}

function lagText(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}
