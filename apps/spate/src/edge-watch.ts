import type { WarmAnswer, WindowAnswer } from '@spate/edge/contract'
import { command, type Command, type CommandContext } from '@spate/runtime/command'
import { Fault } from '@spate/runtime/fault'
import { integer, text } from '@spate/runtime/settings'
import { call, called, callSettings } from './admin-call.ts'
import { logLine, topTable, warmLine } from './edge-words.ts'

const edgeAt = callSettings('http://127.0.0.1:8070', 'Admin port of the edge node.')
/** Pause between two questions, ms. */
const everyMs = 1000
/** Longest one stream is followed, ms: a day. */
const followMsMax = 86_400_000

/** `spate top`: what the traffic of an edge node looks like now. */
export const topCommand: Command = command({
  name: 'top',
  summary:
    'Show the traffic of an edge node: rates, hit ratio, latency, most wanted paths; live on a terminal.',
  usage: '',
  examples: [
    ['spate top', 'live until Ctrl-C; once where the output is no terminal'],
    ['spate top --window 3600 --json', 'the last hour for machines'],
  ],
  settings: {
    ...edgeAt,
    window: integer(60, 1, 3600, 'Seconds to look back.', { unit: 's' }),
    top: integer(10, 0, 1000, 'Lines of each list.', { unit: 'lines' }),
  },
  run: async (context) => {
    const { host, clock, signal, settings, json } = context
    const path = `/stats?window=${settings.window}&top=${settings.top}`
    const live = host.interactive && !json
    for (;;) {
      const said = await call(context, { method: 'GET', path })
      if (json) host.write(`${said.trim()}\n`)
      else {
        const table = topTable(JSON.parse(said) as WindowAnswer, host.colours)
        // Home, the table with each line cleared to its end, then everything below it.
        host.write(live ? `\u001B[H${table.replaceAll('\n', '\u001B[K\n')}\u001B[J` : table)
      }
      if (!live || !(await waited(clock.sleep(everyMs, signal)))) return 0
    }
  },
})

/** `spate tail FILTER`: follows the requests of an edge node. */
export const tailCommand: Command = command({
  name: 'tail',
  summary: 'Follow the requests of an edge node as they are answered.',
  usage: '[FILTER ...]',
  examples: [
    ['spate tail', 'everything until Ctrl-C'],
    ["spate tail 'status>=500' 'path^=/api'", 'failures of the API'],
    ['spate tail cache=miss --lines 20 --json', 'twenty misses, a JSON object a line'],
  ],
  settings: {
    ...edgeAt,
    lines: integer(0, 0, 1_000_000_000, 'End after so many requests; 0 goes on.', {
      unit: 'requests',
    }),
  },
  run: async (context) => {
    const path = `/log?filter=${encodeURIComponent(context.words.join(' '))}`
    const what = { method: 'GET', path, timeoutMs: followMsMax } as const
    let left = context.settings.lines === 0 ? Number.POSITIVE_INFINITY : context.settings.lines
    return stoppable(context, () =>
      called(context, what, async (answer) => {
        for await (const { event, data } of eventsOf(answer.stream())) {
          context.host.write(
            context.json ? `${data}\n` : logLine(event, data, context.host.colours),
          )
          if (event === 'request' && --left === 0) break
        }
        return 0
      }),
    )
  },
})

/** `spate warm`: brings pages into the cache of an edge node. */
export const warmCommand: Command = command({
  name: 'warm',
  summary: 'Bring pages into the cache of an edge node: of a list, a sitemap, or its most wanted.',
  usage: '[URL ...]',
  examples: [
    ['spate warm http://127.0.0.1:8080/ http://127.0.0.1:8080/en', 'two pages'],
    [
      'spate warm --sitemap http://shop.test/sitemap.xml',
      'all pages of a sitemap, or an index of them',
    ],
    ['spate warm --top 500', 'the most wanted of the last hour, after a purge'],
  ],
  settings: {
    ...edgeAt,
    sitemap: text(undefined, 'URL of a sitemap, on a host the node serves.'),
    top: integer(0, 0, 1000, 'So many of the most wanted paths of the last hour.', {
      unit: 'paths',
    }),
  },
  run: async (context) => {
    const { settings, words, json, host, clock, signal } = context
    const { sitemap, top } = settings
    if (words.length === 0 && sitemap === undefined && top === 0)
      throw new Fault('invalid_request', 'name URLs, --sitemap or --top')
    const body = {
      ...(words.length > 0 ? { urls: words } : {}),
      ...(sitemap === undefined ? {} : { sitemap }),
      ...(top > 0 ? { top } : {}),
    }
    let job = JSON.parse(await call(context, { method: 'POST', path: '/warm', body })) as WarmAnswer
    const path = `/warm/${job.id}`
    for (let pauseMs = 50; job.state === 'running'; pauseMs = Math.min(pauseMs * 2, everyMs)) {
      if (host.interactive && !json) host.writeError(`\r${warmLine(job)}\u001B[K`)
      const on = await waited(clock.sleep(pauseMs, signal))
      const method = on ? 'GET' : 'DELETE'
      // Ctrl-C cancels the job; its end is asked for without that signal.
      const still = new AbortController().signal
      job = JSON.parse(await call(context, { method, path, signal: still })) as WarmAnswer
      if (!on) break
    }
    if (host.interactive && !json) host.writeError('\r\u001B[K')
    host.write(json ? `${JSON.stringify(job)}\n` : `${warmLine(job)}\n`)
    for (const { url, why } of json ? [] : job.failures) host.writeError(`${url}: ${why}\n`)
    return job.state === 'done' && job.failed === 0 ? 0 : 1
  },
})

/** True once `sleep` is over, false where it was ended. */
function waited(sleep: Promise<void>): Promise<boolean> {
  return sleep.then(
    () => true,
    () => false,
  )
}

/** What `task` resolves to; 0 where Ctrl-C ended it. */
async function stoppable(
  { signal }: Pick<CommandContext, 'signal'>,
  task: () => Promise<number>,
): Promise<number> {
  try {
    return await task()
  } catch (caught) {
    if (signal.aborted) return 0
    throw caught
  }
}

/** Events of a stream of server-sent events; comments are left out. */
async function* eventsOf(
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly event: string; readonly data: string }, void, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    rest += decoder.decode(chunk, { stream: true })
    const blocks = rest.split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const event = /^event: (.*)$/m.exec(block)?.[1]
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (event !== undefined && data !== undefined) yield { event, data }
    }
  }
}
