import { consoleSettings } from '@spate/console/settings'
import { edgeSettings } from '@spate/edge/settings'
import { workerVariable } from '@spate/edge/place'
import type { EventLog } from '@spate/eventlog/event-log'
import type { Chance } from '@spate/runtime/chance'
import { onParentGone, onParentMessage, tellParent, type forkSelf } from '@spate/runtime/children'
import type { Clock } from '@spate/runtime/clock'
import type { Running } from '@spate/runtime/lifecycle'
import type { Log } from '@spate/runtime/log'
import type { SettingsTable, TableOf } from '@spate/runtime/settings'
import { recommendSettings } from '@spate/recommend/settings'
import { seckillSettings } from '@spate/seckill/settings'
import { shopSettings } from '@spate/shop/settings'
import type { Foundation } from './foundation.ts'

/** What a program is started with beside its settings. */
export interface ProgramParts {
  readonly foundation: Foundation
  /** Opened by the first program that asks; one a process. */
  eventLog(): Promise<EventLog>
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  /** Where another program answers; undefined while it does not run. */
  urlOf?(program: string): string | undefined
  /** The program's settings, read again from where they came. Throws `settings_invalid`. */
  reread(): object
  /** Starts this program once more, alone in a process of its own, with further flags, variables and sockets. */
  readonly fork: typeof forkSelf
  /** Variables of this process. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A program that can run alone or with the others. */
export interface Program {
  /** Its command and its section of the settings file. */
  readonly name: string
  readonly summary: string
  readonly settings: SettingsTable
  readonly examples: readonly (readonly [line: string, remark: string])[]
  /** `values` are those of `settings`. */
  start(values: object, parts: ProgramParts): Promise<Running>
}

/** Forgets the type of a program's settings, so that programs fit one list. */
interface TypedProgram<Values extends object> extends Omit<Program, 'settings' | 'start'> {
  readonly settings: TableOf<Values>
  start(values: Values, parts: ProgramParts): Promise<Running>
}

const program = <Values extends object>(typed: TypedProgram<Values>): Program => typed

/** Parts every `start` function takes. */
function baseOf(
  name: string,
  { foundation, clock, chance, log }: ProgramParts,
): {
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  readonly telemetry: ReturnType<Foundation['telemetryOf']>
  readonly dataDir: string
  readonly adminToken: Foundation['adminToken']
} {
  return {
    clock,
    chance,
    log: log.child(name),
    telemetry: foundation.telemetryOf(name),
    dataDir: foundation.dataDir,
    adminToken: foundation.adminToken,
  }
}

// Programs are imported when they start, so that `spate --help` need not load them all.

/** The edge node. */
export const edgeProgram: Program = program({
  name: 'edge',
  summary: 'Run an edge node: a shared HTTP cache in front of any origin.',
  settings: edgeSettings,
  examples: [
    ['spate edge --origin http://127.0.0.1:8083', 'correct with no further settings'],
    [
      'spate edge --origin https://shop.test --port 0',
      'on any free port; the log line "listening" names it',
    ],
    [
      'spate edge --origin http://127.0.0.1:8083 --upgradable',
      'SIGUSR2 or POST /upgrade starts new code behind the open port',
    ],
  ],
  async start(settings, parts) {
    const place = parts.env[workerVariable]
    const reread = (): typeof settings => parts.reread() as typeof settings
    // Alone, nobody sells on this machine, and another program may own the log.
    const eventLog = parts.urlOf && (await parts.eventLog())
    const { wholeAddresses } = parts.foundation
    const given = { settings, reread, eventLog, ...baseOf('edge', parts) }
    if (place === undefined && (settings.workers > 1 || settings.upgradable)) {
      const { startCrew } = await import('@spate/edge/crew')
      return startCrew({ ...given, fork: parts.fork })
    }
    const { startEdge } = await import('@spate/edge/main')
    const link = { tell: tellParent, onMessage: onParentMessage, onGone: onParentGone }
    return startEdge({
      ...given,
      wholeAddresses,
      ...(place === undefined ? {} : { worker: { place, link } }),
    })
  },
})

/** The flash-sale engine. */
export const seckillProgram: Program = program({
  name: 'seckill',
  summary: 'Run the flash-sale engine.',
  settings: seckillSettings,
  examples: [['spate seckill', 'HTTP on 8081, gRPC on 9081, everything durable under .spate/']],
  async start(settings, parts) {
    const { startSeckill } = await import('@spate/seckill/main')
    return startSeckill({
      settings,
      ...baseOf('seckill', parts),
      eventLog: await parts.eventLog(),
      // The demo shop brings the simulated payment provider.
      ...(parts.urlOf && { paymentUrl: () => parts.urlOf?.('shop') }),
    })
  },
})

/** The recommendation engine. */
export const recommendProgram: Program = program({
  name: 'recommend',
  summary: 'Run the recommendation engine.',
  settings: recommendSettings,
  examples: [['spate recommend', 'HTTP on 8082, gRPC on 9082']],
  async start(settings, parts) {
    const { startRecommend } = await import('@spate/recommend/main')
    return startRecommend({
      settings,
      ...baseOf('recommend', parts),
      eventLog: await parts.eventLog(),
    })
  },
})

/** The demo shop. */
export const shopProgram: Program = program({
  name: 'shop',
  summary: 'Run the demo shop: a little origin to put behind the edge.',
  settings: shopSettings,
  examples: [['spate shop', 'expects seckill on 8081 and recommend on 8082']],
  async start(settings, parts) {
    const { startShop } = await import('@spate/shop/main')
    return startShop({ settings, ...baseOf('shop', parts) })
  },
})

/** The operations console. */
export const consoleProgram: Program = program({
  name: 'console',
  summary: 'Run the operations console, with OTLP in.',
  settings: consoleSettings,
  examples: [['spate console', 'http://127.0.0.1:8090/']],
  async start(settings, parts) {
    const { startConsole } = await import('@spate/console/main')
    const { traces, metrics, logs, telemetries } = parts.foundation
    return startConsole({
      settings,
      ...baseOf('console', parts),
      traces,
      metrics,
      logs,
      telemetries,
    })
  },
})

/** All programs, in the order in which they are started together. */
export const programs: readonly Program[] = [
  seckillProgram,
  recommendProgram,
  shopProgram,
  edgeProgram,
  consoleProgram,
]
