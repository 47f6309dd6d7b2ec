// Times as people type them: durations such as `6h` and `1d12h`, moments such as `2030-01-31T22:00` and `22:00`. Pure.

const unitSeconds: Readonly<Record<string, number>> = { d: 86_400, h: 3600, m: 60, s: 1 }

/** Seconds of `90s`, `45m`, `6h`, `1d12h`; undefined when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  if (!/^(?:\d{1,9}[dhms])+$/.test(text)) return undefined
  let seconds = 0
  const seen = new Set<string>()
  for (const [, count = '', unit = ''] of text.matchAll(/(\d+)([dhms])/g)) {
    if (seen.has(unit)) return undefined
    seen.add(unit)
    seconds += Number(count) * (unitSeconds[unit] ?? 0)
  }
  return seconds
}

const isoMoment = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?$/

/** Epoch ms. Without a zone the time is local; `HH:MM` is the next time that clocks show it. undefined when the text is no moment. */
export function parseMoment(text: string, now: number): number | undefined {
  const clockTime = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text)
  if (clockTime !== null) {
    const moment = new Date(now)
    moment.setHours(Number(clockTime[1]), Number(clockTime[2]), 0, 0)
    if (moment.getTime() <= now) moment.setDate(moment.getDate() + 1)
    return moment.getTime()
  }
  if (!isoMoment.test(text)) return undefined
  const day = text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T')
  const moment = Date.parse(day)
  return Number.isNaN(moment) ? undefined : moment
}
