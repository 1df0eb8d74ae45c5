import type { WarmAnswer, WindowAnswer } from '@spate/edge/contract'

/** How `spate top`, `tail` and `warm` say what an edge node told them. */

const bold = (text: string, colours: boolean): string =>
  colours ? `\u001B[1m${text}\u001B[0m` : text
const dim = (text: string, colours: boolean): string =>
  colours ? `\u001B[2m${text}\u001B[0m` : text
const red = (text: string, colours: boolean): string =>
  colours ? `\u001B[31m${text}\u001B[0m` : text

/** Control characters of a path or an agent must not reach a terminal. */
const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, '?')

/** Bytes with a unit: `1.2 MB`. */
function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = count
  let unit = 0
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000
  return `${unit === 0 ? Math.round(value) : value.toPrecision(3)} ${units[unit]}`
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
const rate = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1))

/** The table of `spate top`. */
export function topTable(view: WindowAnswer, colours: boolean): string {
  const { latency, bandwidth, cache } = view
  const status = Object.entries(view.status)
    .map(([name, count]) => `${name} ${count}`)
    .join('  ')
  const quantiles = Object.entries(latency)
    .map(([name, ms]) => `${name} ${ms} ms`)
    .join('  ')
  const facts: readonly (readonly [string, string])[] = [
    [
      'requests',
      `${rate(view.requestsPerSecond)}/s  (${view.requests} in ${rate(view.seconds)} s)`,
    ],
    ['status', status === '' ? 'no requests' : status],
    [
      'hit ratio',
      `${percent(view.hitRatio)}  (${cache.hit} hits, ${cache.stale} stale, ${cache.miss} misses, ${cache.pass} passed)`,
    ],
    ['errors', view.errorRate > 0 ? red(percent(view.errorRate), colours) : percent(0)],
    [
      'bandwidth',
      `${bytes(bandwidth.bytesPerSecond)}/s  (${bytes(bandwidth.fromCache)} of ${bytes(bandwidth.bytes)} from the cache)`,
    ],
    ['latency', quantiles === '' ? '-' : quantiles],
    ['clients', `${view.uniques.clients} different`],
    ['memory', `${view.memory.objects} objects, ${bytes(view.memory.bytes)}`],
  ]
  const origins = view.origins.map(({ name, healthy, state, active }) => {
    const well = healthy && state === 'closed'
    const told = `${healthy ? 'healthy' : 'not healthy'}, breaker ${state}`
    return `  ${name}  ${well ? told : red(told, colours)}, ${active} under way`
  })
  const { paths, clients, agents } = view.top
  const several = new Set(paths.map(({ host }) => host)).size > 1
  const named = paths.map(({ host, path, requests }) => [requests, several ? host + path : path])
  return [
    ...facts.map(([name, value]) => `${bold(name.padEnd(11), colours)}${value}`),
    ...(origins.length === 0 ? [] : ['', bold('origins', colours), ...origins]),
    ...list('paths', named, colours),
    ...list(
      'clients',
      clients.map(({ client, requests }) => [requests, client]),
      colours,
    ),
    ...list(
      'agents',
      agents.map(({ agent, requests }) => [requests, agent]),
      colours,
    ),
    '',
  ].join('\n')
}

function list(title: string, entries: readonly (readonly unknown[])[], colours: boolean): string[] {
  if (entries.length === 0) return []
  const lines = entries.map(
    ([requests, name]) =>
      `${String(requests).padStart(9)}  ${printable(String(name)).slice(0, 100)}`,
  )
  return ['', bold(title, colours), ...lines]
}

/** One line of `spate tail` for an event; empty for one it does not know. */
export function logLine(event: string, data: string, colours: boolean): string {
  const told = JSON.parse(data) as Readonly<Record<string, string | number>>
  if (event === 'dropped')
    return `${red(`... ${told['dropped']} requests are not shown`, colours)}\n`
  if (event !== 'request') return ''
  const { time, method, host, path, status, cache, bytes: size, ms, client, agent } = told
  const failed = Number(status) >= 500
  const words = [
    dim(String(time).slice(11, 23), colours),
    failed ? red(String(status), colours) : String(status),
    String(cache).padEnd(5),
    `${Number(ms).toFixed(1)} ms`.padStart(9),
    bytes(Number(size)).padStart(8),
    `${method} ${printable(`${host}${path}`)}`,
    dim(`${client} ${printable(String(agent)).slice(0, 40)}`, colours),
  ]
  return `${words.join('  ')}\n`
}

/** How far a warm-up is, in one line. */
export function warmLine(job: WarmAnswer): string {
  const skipped = job.skipped > 0 ? `, ${job.skipped} left out` : ''
  const detail = job.detail === undefined ? '' : `: ${job.detail}`
  return (
    `${job.state}: ${job.done} of ${job.total} pages, ${bytes(job.bytes)}; ${job.stored} brought in, ` +
    `${job.fresh} fresh before, ${job.unstored} not to be stored, ${job.failed} failed${skipped}${detail}`
  )
}
