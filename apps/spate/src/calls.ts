import { command, type Command, type CommandContext } from '@spate/runtime/command'
import { Fault } from '@spate/runtime/fault'
import { list, toggle } from '@spate/runtime/settings'
import { call, callSettings } from './admin-call.ts'

const print = (context: CommandContext, said: string): number => {
  context.host.write(
    context.json ? `${said.trim()}\n` : `${JSON.stringify(JSON.parse(said), undefined, 2)}\n`,
  )
  return 0
}

/** `spate purge URL ...`: makes stored responses unusable. */
export const purgeCommand: Command = command({
  name: 'purge',
  summary: 'Purge stored responses of an edge node by URL, tag, prefix or host.',
  usage: '[URL ...]',
  examples: [
    ['spate purge http://127.0.0.1:8080/p/tea-02', 'one URL, all its variants'],
    ['spate purge --tags product:tea-02 --soft', 'mark stale instead of removing'],
    ['spate purge --all', 'everything'],
  ],
  settings: {
    ...callSettings('http://127.0.0.1:8070', 'Admin port of the edge node.'),
    tags: list([], 'Tags of Cache-Tag or Surrogate-Key.'),
    prefixes: list([], 'Beginnings of URLs.'),
    hosts: list([], 'Host names.'),
    all: toggle(false, 'Everything.'),
    soft: toggle(false, 'Mark stale instead of removing.'),
  },
  run: async (context) => {
    const { tags, prefixes, hosts, all, soft } = context.settings
    const urls = context.words.length > 0 ? { urls: context.words } : {}
    return print(
      context,
      await call(context, {
        method: 'POST',
        path: '/purge',
        body: { ...urls, tags, prefixes, hosts, all, soft },
      }),
    )
  },
})

/** `spate explain URL`: why a URL is or is not a hit. */
export const explainCommand: Command = command({
  name: 'explain',
  summary: 'Say how an edge node caches a URL: key, variants, freshness.',
  usage: 'URL',
  examples: [['spate explain http://127.0.0.1:8080/', 'the home page of the demo shop']],
  settings: callSettings('http://127.0.0.1:8070', 'Admin port of the edge node.'),
  run: async (context) => {
    const [wanted] = context.words
    if (wanted === undefined) throw new Fault('invalid_request', 'name the URL to explain')
    const path = `/explain?url=${encodeURIComponent(wanted)}`
    const plain = context
    return print(plain, await call(plain, { method: 'GET', path }))
  },
})

/** `spate trace ID`: prints a kept trace as a tree. */
export const traceCommand: Command = command({
  name: 'trace',
  summary: 'Print a kept trace as a tree, from the console.',
  usage: 'TRACE_ID',
  examples: [['spate trace 4bf92f3577b34da6a3ce929d0e0e4736', 'one request through all programs']],
  settings: callSettings('http://127.0.0.1:8090', 'The console.'),
  run: async (context) => {
    const [id] = context.words
    if (id === undefined || !/^[0-9a-f]{32}$/.test(id))
      throw new Fault('invalid_request', 'name a trace by its 32 hex digits')
    const plain = context
    if (context.json)
      return print(plain, await call(plain, { method: 'GET', path: `/api/traces/${id}` }))
    context.host.write(await call(plain, { method: 'GET', path: `/traces/${id}.txt` }))
    return 0
  },
})

/** `spate report experiment NAME`: what became of an experiment. */
export const reportCommand: Command = command({
  name: 'report',
  summary: 'Report an experiment: clicks and purchases with intervals, sample-ratio check.',
  usage: 'experiment NAME',
  examples: [['spate report experiment explore', 'of the recommender on this machine']],
  settings: callSettings('http://127.0.0.1:8082', 'The recommender.'),
  run: async (context) => {
    const [what, name] = context.words
    if (what !== 'experiment' || name === undefined || context.words.length > 2) {
      context.host.writeError('usage: spate report experiment NAME\n')
      return 2
    }
    const path = `/recommend/experiments/${encodeURIComponent(name)}`
    return print(context, await call(context, { method: 'GET', path }))
  },
})
