import { connect } from 'node:net'
import type { BenchRow } from '@spate/runtime/bench'
import { systemClock } from '@spate/runtime/clock'
import { cpuUs } from './processes.ts'
import { cells, inTurns, median, speedRow, spread } from './rounds.ts'
import type { Measured } from './subjects.ts'
import { Wire } from './wire.ts'

const crowd = 1000
const staleObjects = 20

/** How many requests reached the origin so far. */
export type OriginCount = () => Promise<number>

let unique = 0
const path = (kind: string): string => `/${kind}/${systemClock.now()}-${unique++}`

/** Rows of crowds that want one thing at one time. `origin` itself is a control. */
export async function crowdRows(
  subjects: readonly Measured[],
  origin: Measured,
  count: OriginCount,
): Promise<BenchRow[]> {
  return [
    await coldRow(subjects, origin, count),
    await joinerRow(subjects),
    await wavesRow(subjects),
    await staleRow(subjects),
  ]
}

interface Cold {
  readonly wallMs: number
  readonly cpuMs: number
  readonly toOrigin: number
  readonly right: number
}

async function coldRow(
  subjects: readonly Measured[],
  origin: Measured,
  count: OriginCount,
): Promise<BenchRow> {
  const all = [...subjects, { ...origin, name: 'control' }]
  const rounds = await inTurns(all, 3, (subject) => cold(subject, count))
  const ours = rounds.get('spate') ?? []
  const wallMs = median(ours.map((each) => each.wallMs))
  const once = ours.every(({ toOrigin, right }) => toOrigin === 1 && right === crowd)
  return speedRow(`${crowd} at once, cold 1 s object`, cells(rounds, coldTold), {
    goal: '1 to the origin, <= 1200 ms',
    met: once && wallMs <= 1200,
    found: `${wallMs.toFixed(0)} ms`,
  })
}

function coldTold(figures: readonly Cold[]): string {
  const toOrigin = Math.max(...figures.map((each) => each.toOrigin))
  const wrong = crowd - Math.min(...figures.map(({ right }) => right))
  const cpu = median(figures.map(({ cpuMs }) => cpuMs)).toFixed(0)
  const told = `${spread(figures.map(({ wallMs }) => wallMs))} ms, ${toOrigin} to the origin, ${cpu} ms CPU`
  return wrong > 0 ? `${told}, ${wrong} wrong` : told
}

/** Connections are open, then everybody asks for one object that nobody has; until the last answer. */
async function cold({ url, pid }: Measured, count: OriginCount): Promise<Cold> {
  const target = path('slow')
  const before = await count()
  const wires = await Promise.all(Array.from({ length: crowd }, () => Wire.open(url)))
  const usedUs = await cpuUs(pid)
  const startMs = systemClock.elapsed()
  const answers = wires.map((wire) => {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    wire.ask(
      target,
      ({ status, bodyBytes }) => resolve(status === 200 && bodyBytes === 4),
      // A server that drops connections under this load: counted as not right.
      () => resolve(false),
    )
    return promise
  })
  const right = (await Promise.all(answers)).filter(Boolean).length
  const wallMs = systemClock.elapsed() - startMs
  const cpuMs = ((await cpuUs(pid)) - usedUs) / 1000
  for (const wire of wires) wire.close()
  return { wallMs, cpuMs, toOrigin: (await count()) - before, right }
}

async function joinerRow(subjects: readonly Measured[]): Promise<BenchRow> {
  const rounds = await inTurns(subjects, 3, joiners)
  const ours = (rounds.get('spate') ?? []).flat()
  return speedRow(
    'joiner at 0.5 s of a 2 s body: first byte, ms',
    cells(rounds, (figures) => spread(figures.flat(), 1)),
    { goal: '<= 10 ms', met: median(ours) <= 10, found: `${median(ours).toFixed(1)} ms` },
  )
}

/** First bytes of five who join one after the other, ms. */
async function joiners({ url }: Measured): Promise<readonly number[]> {
  const target = path('trickle')
  const leader = await Taster.open(url)
  const others = await Promise.all(Array.from({ length: 5 }, () => Taster.open(url)))
  const leading = leader.taste(target)
  await systemClock.sleep(500)
  const taken: number[] = []
  for (const other of others) taken.push(await other.taste(target))
  await leading
  for (const each of [leader, ...others]) each.close()
  return taken
}

/** A client that wants the first byte of a body and no more. */
class Taster {
  readonly #socket: ReturnType<typeof connect>
  readonly #host: string

  private constructor(socket: ReturnType<typeof connect>, host: string) {
    this.#socket = socket
    this.#host = host
  }

  static open(url: string): Promise<Taster> {
    const { hostname, port, host } = new URL(url)
    const { promise, resolve, reject } = Promise.withResolvers<Taster>()
    const socket = connect(Number(port), hostname, () => resolve(new Taster(socket, host)))
    socket.once('error', reject)
    return promise
  }

  /** Time from the request to the first byte behind the head, ms. */
  taste(target: string): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>()
    let text = ''
    const startMs = systemClock.elapsed()
    this.#socket.on('data', (piece: Buffer) => {
      text += piece.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      if (end >= 0 && text.length > end + 4) resolve(systemClock.elapsed() - startMs)
    })
    this.#socket.write(`GET ${target} HTTP/1.1\r\nHost: ${this.#host}\r\n\r\n`)
    return promise
  }

  close(): void {
    this.#socket.destroy()
  }
}

interface Waves {
  readonly firstMs: number
  readonly laterMs: number
}

async function wavesRow(subjects: readonly Measured[]): Promise<BenchRow> {
  const quick = subjects.filter(({ name }) => name !== 'nginx')
  const rounds = new Map(await inTurns(quick, 3, waves))
  const nginx = subjects.find(({ name }) => name === 'nginx')
  // Its lock holds a wave up for five seconds: one round tells enough.
  if (nginx) rounds.set(nginx.name, [await waves(nginx)])
  const first = (rounds.get('spate') ?? []).map(({ firstMs }) => firstMs)
  const tell = (figures: readonly Waves[]): string =>
    `${spread(figures.map(({ firstMs }) => firstMs))}; ${spread(figures.map(({ laterMs }) => laterMs))}`
  return speedRow(
    '20 at once, uncacheable, 300 ms: first wave; a later one, ms',
    cells(rounds, tell),
    {
      goal: 'first <= 650 ms',
      met: median(first) <= 650,
      found: `${median(first).toFixed(0)} ms`,
    },
  )
}

async function waves({ url }: Measured): Promise<Waves> {
  const target = path('mine')
  const wires = await Promise.all(Array.from({ length: 20 }, () => Wire.open(url)))
  const wave = async (): Promise<number> => {
    const startMs = systemClock.elapsed()
    await Promise.all(wires.map((wire) => asked(wire, target)))
    return systemClock.elapsed() - startMs
  }
  const found = { firstMs: await wave(), laterMs: await wave() }
  for (const wire of wires) wire.close()
  return found
}

/** Resolves with the answer's status; rejects where the connection ends instead. */
function asked(wire: Wire, target: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  wire.ask(
    target,
    ({ status }) => resolve(status),
    () => reject(new Error('the connection ended')),
  )
  return promise
}

async function staleRow(subjects: readonly Measured[]): Promise<BenchRow> {
  const rounds = await inTurns(subjects, 1, stale)
  const ours = (rounds.get('spate') ?? []).flat()
  return speedRow(
    'stale while a 300 ms origin is asked: answer, ms',
    cells(rounds, (figures) => spread(figures.flat(), 1)),
    { goal: '<= 5 ms', met: median(ours) <= 5, found: `${median(ours).toFixed(1)} ms` },
  )
}

/** Answers of objects that went stale a second ago, one after the other, ms. */
async function stale({ url }: Measured): Promise<readonly number[]> {
  const targets = Array.from({ length: staleObjects }, () => path('stale'))
  const wires = await Promise.all(targets.map(() => Wire.open(url)))
  await Promise.all(targets.map((target, at) => asked(wires[at] as Wire, target)))
  await systemClock.sleep(2100)
  const taken: number[] = []
  for (const target of targets) {
    const startMs = systemClock.elapsed()
    await asked(wires[0] as Wire, target)
    taken.push(systemClock.elapsed() - startMs)
  }
  for (const wire of wires) wire.close()
  return taken
}
