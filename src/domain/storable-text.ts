// Text that every metadata store can keep and search: PostgreSQL has no zero characters, and no halves of surrogate pairs in JSON.

export function isStorableText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

/** Whether all names and texts of a JSON value can be kept. */
export function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return isStorableText(value)
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([name, item]) => isStorableText(name) && isStorable(item))
}

/** The nearest text that can be kept, for words that are only shown. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed()
}
