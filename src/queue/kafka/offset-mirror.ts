// The groups' offsets a second time, in the state store, for when Kafka has forgotten them. Written seldom: an old one only brings entries again.
import type { StateStore } from '../../control/state-store.ts'
import type { MirroredOffset } from './start-offset.ts'

export class OffsetMirror {
  readonly #store: Pick<StateStore, 'get' | 'set'>
  readonly #folder: string
  /** What this process wrote last, by partition. */
  readonly #written = new Map<number, { readonly value: string; readonly version: number }>()

  constructor(store: Pick<StateStore, 'get' | 'set'>, topic: string, group: string) {
    this.#store = store
    this.#folder = `/crossbeat/queue/offsets/${encodeURIComponent(topic)}/${encodeURIComponent(group)}`
  }

  async read(partition: number): Promise<MirroredOffset | null> {
    const stored = await this.#store.get(this.#path(partition))
    if (stored === null) return null
    this.#written.set(partition, stored)
    return parse(stored.value)
  }

  /** Writes unless it is there already; somebody else's write in between is overwritten. */
  async write(partition: number, offset: MirroredOffset): Promise<void> {
    const value = JSON.stringify(offset)
    const known = this.#written.get(partition)
    if (known?.value === value) return
    let version = known?.version ?? 0
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const result = await this.#store.set(this.#path(partition), value, version)
      if (result.ok) {
        this.#written.set(partition, { value, version: result.version })
        return
      }
      version = result.current?.version ?? 0
    }
  }

  #path(partition: number): string {
    return `${this.#folder}/${partition}`
  }
}

function parse(text: string): MirroredOffset | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('topicId' in value) || !('offset' in value)) return null
    const { topicId, offset } = value
    if (typeof topicId !== 'string' || typeof offset !== 'number' || !Number.isSafeInteger(offset)) return null
    return { topicId, offset }
  } catch {
    return null
  }
}
