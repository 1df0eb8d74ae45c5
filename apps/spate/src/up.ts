import { relative } from 'node:path'
import { forkSelf } from '@spate/runtime/children'
import { command, type Command, type CommandContext } from '@spate/runtime/command'
import { Lifecycle, type Running } from '@spate/runtime/lifecycle'
import { loadSettings } from '@spate/runtime/settings-load'
import { envOf, flagOf, integer, text, toggle, type TableOf } from '@spate/runtime/settings'
import type { CommandSettings } from './dispatch.ts'
import { foundationSettings, layFoundation, type FoundationSettings } from './foundation.ts'
import { heedSignals, stopped } from './one-program.ts'
import {
  consoleProgram,
  edgeProgram,
  programs,
  recommendProgram,
  seckillProgram,
  shopProgram,
  type Program,
  type ProgramParts,
} from './programs.ts'
import { readSettingsFile } from './settings-file.ts'
import { eventLogOf } from './shared-event-log.ts'
import { urlTable } from './url-table.ts'

/** Settings of `spate up` itself; each program's own come from its section of the file. */
export interface UpSettings extends FoundationSettings {
  readonly host: string
  readonly edgePort: number
  readonly edgeAdminPort: number
  readonly seckillPort: number
  readonly seckillGrpcPort: number
  readonly recommendPort: number
  readonly recommendGrpcPort: number
  readonly shopPort: number
  readonly consolePort: number
  readonly otlpGrpcPort: number
  readonly otlpHttpPort: number
  readonly freePorts: boolean
  readonly adminToken: string | undefined
}

const port = (value: number, why: string, flag?: string): ReturnType<typeof integer<number>> =>
  integer(value, 0, 65_535, why, flag === undefined ? {} : { flag })

/** Rows of `UpSettings`. */
export const upSettings: TableOf<UpSettings> = {
  host: text('127.0.0.1', 'Address to listen on; 0.0.0.0 or :: lets other machines in.'),
  edgePort: port(8080, 'Port of the edge: open this one in a browser.', 'port'),
  edgeAdminPort: port(8070, 'Port of the edge for purge, statistics and explain.'),
  seckillPort: port(8081, 'Port of the flash-sale engine.'),
  seckillGrpcPort: port(9081, 'Port of the flash-sale engine for gRPC.'),
  recommendPort: port(8082, 'Port of the recommendation engine.'),
  recommendGrpcPort: port(9082, 'Port of the recommendation engine for gRPC.'),
  shopPort: port(8083, 'Port of the demo shop, the origin behind the edge.'),
  consolePort: port(8090, 'Port of the console.'),
  otlpGrpcPort: port(4317, 'Port of the console for OTLP over gRPC.'),
  otlpHttpPort: port(4318, 'Port of the console for OTLP over HTTP.'),
  freePorts: toggle(
    false,
    'Take any free port everywhere: for tests, and for a second platform beside the first.',
  ),
  adminToken: text(
    undefined,
    'Secret of admin calls; without it one is made and kept in the data folder.',
    { secret: true },
  ),
  ...foundationSettings,
}

/** `spate up`: every program in one process on embedded stores. */
export const upCommand: Command = command({
  name: 'up',
  summary: 'Run the whole platform on this machine: edge, seckill, recommend, demo shop, console.',
  usage: '',
  examples: [
    ['spate up', 'then open http://127.0.0.1:8080/'],
    ['spate up --free-ports --data-dir /tmp/second', 'a second one beside the first'],
  ],
  settings: upSettings,
  section: 'up',
  run: (context) => up(context),
})

async function up(context: CommandContext<TableOf<UpSettings>>): Promise<number> {
  const { host, clock, chance, log, signal, json } = context
  const settings = context.settings as UpSettings
  const startedMs = clock.elapsed()
  const foundation = await layFoundation({
    settings,
    folder: host.cwd,
    clock,
    chance,
    log,
    addLogSink: (sink) => context.addLogSink(sink),
  })
  const lifecycle = new Lifecycle({ clock, log })
  const events = eventLogOf({ folder: foundation.dataDir, clock, log })
  lifecycle.add({ name: 'telemetry', stop: (deadline) => foundation.close(deadline) })
  lifecycle.add({ name: 'event log', stop: () => events.close() })
  const house = new House(
    context,
    { foundation, eventLog: events.open, clock, chance, log, env: host.env },
    lifecycle,
  )
  furnish(house, settings)
  await lifecycle.start()
  const readyMs = Math.round(clock.elapsed() - startedMs)
  const { adminToken, dataDir } = foundation
  const ready = { urls: house.urls, dataDir, readyMs }
  host.write(
    json
      ? `${JSON.stringify({ ...ready, ...(adminToken.generated && { adminToken: adminToken.value }) })}\n`
      : urlTable({
          ...ready,
          dataDir: shortPath(host.cwd, dataDir),
          adminToken: adminToken.generated ? adminToken.value : undefined,
          colours: host.colours,
        }),
  )
  await stopped(signal)
  if (!json) host.write('\ndraining ... (Ctrl-C again to stop at once)\n')
  return (await lifecycle.stop()) ? 0 : 1
}

/** `path` as a person in `folder` would write it. */
function shortPath(folder: string, path: string): string {
  const short = relative(folder, path)
  return short === '' ? '.' : short.startsWith('..') ? path : short
}

/** All programs in the order of who needs whom, each told where the others answer. */
function furnish(house: House, settings: UpSettings): void {
  house.add(seckillProgram, () => ({
    port: settings.seckillPort,
    grpcPort: settings.seckillGrpcPort,
  }))
  house.add(recommendProgram, () => ({
    port: settings.recommendPort,
    grpcPort: settings.recommendGrpcPort,
  }))
  house.add(shopProgram, (urls) => ({
    port: settings.shopPort,
    seckillUrl: urls['seckill'],
    recommendUrl: urls['recommend'],
  }))
  house.add(edgeProgram, (urls) => ({
    port: settings.edgePort,
    adminPort: settings.edgeAdminPort,
    origin: urls['shop'],
  }))
  house.add(consoleProgram, (urls) => ({
    port: settings.consolePort,
    otlpGrpcPort: settings.otlpGrpcPort,
    otlpHttpPort: settings.otlpHttpPort,
    edgeUrl: urls['edge'],
    edgeAdminUrl: urls['edgeAdmin'],
    seckillUrl: urls['seckill'],
    recommendUrl: urls['recommend'],
    shopUrl: urls['shop'],
  }))
}

/** Starts programs one after another and remembers where they answer. */
class House {
  readonly urls: Record<string, string> = {}
  readonly #context: CommandContext<TableOf<UpSettings>>
  readonly #parts: Omit<ProgramParts, 'reread' | 'fork'>
  readonly #lifecycle: Lifecycle

  constructor(
    context: CommandContext<TableOf<UpSettings>>,
    parts: Omit<ProgramParts, 'reread' | 'fork'>,
    lifecycle: Lifecycle,
  ) {
    this.#context = context
    this.#parts = parts
    this.#lifecycle = lifecycle
  }

  /** `forced` are settings that `up` decides: ports, and where the others answer. */
  add(
    program: Program,
    forced: (
      urls: Readonly<Record<string, string>>,
    ) => Readonly<Record<string, string | number | undefined>>,
  ): void {
    // A bad section is refused before anything has been opened.
    this.#settingsOf(program, {})
    let running: Running | undefined
    this.#lifecycle.add({
      name: program.name,
      start: async () => {
        const given = forced({ ...this.urls })
        const reread = (): object => this.#settingsOf(program, given)
        const urlOf = (name: string): string | undefined => this.urls[name]
        const fork: ProgramParts['fork'] = (flags, ...rest) =>
          forkSelf(
            [program.name, ...this.#flagsOf(program, given), ...this.#commonFlags, ...flags],
            ...rest,
          )
        running = await program.start(reread(), { ...this.#parts, urlOf, reread, fork })
        heedSignals(running, this.#context)
        for (const [purpose, url] of Object.entries(running.urls)) {
          this.urls[
            purpose === 'traffic'
              ? program.name
              : `${program.name}${purpose[0]?.toUpperCase()}${purpose.slice(1)}`
          ] = url
        }
      },
      stop: () => running?.stop(),
    })
  }

  /** What a process that runs one program of this house is told: the same file, the same way to log. */
  get #commonFlags(): readonly string[] {
    const { settings, json } = this.#context
    const { config, logLevel, logFormat } = settings as unknown as CommandSettings
    return [
      ...(config === undefined ? [] : [`--config=${config}`]),
      `--log-level=${logLevel}`,
      `--log-format=${logFormat}`,
      ...(json ? ['--json'] : []),
    ]
  }

  #settingsOf(
    program: Program,
    forced: Readonly<Record<string, string | number | undefined>>,
  ): object {
    const { settings, host } = this.#context
    const { config } = settings as unknown as { readonly config?: string }
    const file = readSettingsFile(config, host.cwd)
    const variables = new Set(
      Object.entries(program.settings).map(([name, setting]) => envOf(name, setting)),
    )
    const { values } = loadSettings(program.settings, {
      program: program.name,
      flags: this.#flagsOf(program, forced),
      // Unknown variables and names were refused when `up` read its own settings.
      env: Object.fromEntries(Object.entries(host.env).filter(([name]) => variables.has(name))),
      sections: ['up', ...programs.map(({ name }) => name)],
      foreignNames: [
        ...Object.keys(upSettings),
        ...programs.flatMap(({ settings: table }) => Object.keys(table)),
      ],
      ...(file === undefined ? {} : { file }),
    })
    return values
  }

  #flagsOf(
    program: Program,
    forced: Readonly<Record<string, string | number | undefined>>,
  ): readonly string[] {
    const { freePorts, host: address } = this.#context.settings as UpSettings
    const flags: string[] = [`--host=${address}`]
    for (const [name, value] of Object.entries(forced)) {
      const setting = program.settings[name]
      if (value === undefined || !setting) continue
      flags.push(`--${flagOf(name, setting)}=${freePorts && /port$/i.test(name) ? 0 : value}`)
    }
    return flags
  }
}
