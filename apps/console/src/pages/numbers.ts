/** Numbers as people read them. A dash stands for what is not known. */

/** `1234.5` -> `1,235`; small ones keep a digit. */
export function amount(value: number | undefined): string {
  if (value === undefined) return '–'
  if (value !== 0 && Math.abs(value) < 10) return String(Math.round(value * 10) / 10)
  return Math.round(value).toLocaleString('en-US')
}

/** Seconds as `840 µs`, `12.3 ms`, `1.25 s`. */
export function span(seconds: number | undefined): string {
  if (seconds === undefined) return '–'
  if (seconds < 0.000_999_5) return `${Math.round(seconds * 1e6)} µs`
  if (seconds < 0.999_5) return `${rounded(seconds * 1000)} ms`
  return `${rounded(seconds)} s`
}

function rounded(value: number): string {
  if (Number.isInteger(value)) return String(value)
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0)
}

/** `0.1234` -> `12.3 %`. */
export function share(value: number | undefined): string {
  if (value === undefined) return '–'
  const percent = value * 100
  return `${percent > 0 && percent < 10 ? percent.toFixed(2) : percent.toFixed(percent < 99.95 && percent !== 0 ? 1 : 0)} %`
}

/** `268435456` -> `256 MiB`. */
export function size(bytes: number | undefined): string {
  if (bytes === undefined) return '–'
  if (bytes < 1024) return `${Math.round(bytes)} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let at = -1
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024
    at++
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[at] ?? 'B'}`
}

/** Wall time, ms, as `09:41:07.123` UTC. */
export function timeOfDay(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23)
}

/** Wall time, ms, as `2026-11-25 09:41:07` UTC. */
export function dateTime(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15
    ? new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
    : '–'
}
