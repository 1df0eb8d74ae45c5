const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const month = `(${months.join('|')})`
const shortDay = '(?:mon|tue|wed|thu|fri|sat|sun)'
const longDay = '(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)'
const time = String.raw`(\d\d):(\d\d):(\d\d)`
const imfForm = new RegExp(String.raw`^${shortDay}, (\d\d) ${month} (\d{4}) ${time} gmt$`, 'i')
const rfc850Form = new RegExp(String.raw`^${longDay}, (\d\d)-${month}-(\d\d) ${time} gmt$`, 'i')
const asctimeForm = new RegExp(String.raw`^${shortDay} ${month} ([ \d]\d) ${time} (\d{4})$`, 'i')

/**
 * An HTTP date in any of its three forms (RFC 9110 section 5.6.7), as ms since the Unix epoch;
 * undefined where it is not one. Strict but for letter case. `nowMs` settles the century of RFC 850
 * years: one that seems more than 50 years ahead is in the past.
 */
export function parseHttpDate(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined || text.length > 64) return undefined
  const imf = imfForm.exec(text)
  if (imf) return moment(imf[3], imf[2], imf[1], imf.slice(4, 7))
  const asctime = asctimeForm.exec(text)
  if (asctime) return moment(asctime[6], asctime[1], asctime[2], asctime.slice(3, 6))
  const old = rfc850Form.exec(text)
  if (!old) return undefined
  const thisYear = new Date(nowMs).getUTCFullYear()
  let year = Math.floor(thisYear / 100) * 100 + Number(old[3])
  if (year > thisYear + 50) year -= 100
  return moment(String(year), old[2], old[1], old.slice(4, 7))
}

/** `ms` since the epoch as an IMF-fixdate (RFC 9110 section 5.6.7). */
export function formatHttpDate(ms: number): string {
  return new Date(ms).toUTCString()
}

function moment(
  year: string | undefined,
  monthName: string | undefined,
  day: string | undefined,
  clock: readonly string[],
): number | undefined {
  const [hours, minutes, seconds] = clock.map(Number) as [number, number, number]
  const dayNumber = Number(day)
  const monthNumber = months.indexOf((monthName ?? '').toLowerCase())
  if (hours > 23 || minutes > 59 || seconds > 60 || dayNumber < 1) return undefined
  const ms = Date.UTC(Number(year), monthNumber, dayNumber, hours, minutes, seconds)
  // 31 February would roll over into March.
  return new Date(ms).getUTCDate() === dayNumber || seconds === 60 ? ms : undefined
}
