import type { Chance } from './chance.ts'
import type { Clock } from './clock.ts'
import type { Host } from './host.ts'
import type { Log, LogSink } from './log.ts'
import type { SettingsOf, SettingsTable } from './settings.ts'

/** Signals a program may act on: `SIGHUP` reads settings again, `SIGUSR2` starts the program anew. */
export type ProgramSignal = 'SIGHUP' | 'SIGUSR2'

/** What a command is given when it runs. */
export interface CommandContext<Table extends SettingsTable = SettingsTable> {
  readonly settings: SettingsOf<Table>
  /** Words of the command line that are neither the command nor flags. */
  readonly words: readonly string[]
  /** True where `--json` asks for output that machines read: one JSON document on stdout. */
  readonly json: boolean
  readonly host: Host
  readonly clock: Clock
  readonly chance: Chance
  readonly log: Log
  /** Has every record of `log` go to `sink` too. */
  addLogSink(sink: LogSink): void
  /** The settings as they are now: flags, variables and the file, read again. Throws `settings_invalid`. */
  reread(): SettingsOf<Table>
  /** Calls `task` at each such signal from now on; without a caller it ends the process. */
  readonly onSignal: (signal: ProgramSignal, task: () => void) => void
  /** Aborts at Ctrl-C or SIGTERM: finish what is under way and return. */
  readonly signal: AbortSignal
}

/** One command of the command line: `load seckill`, `telemetry compare`. */
export interface Command<Table extends SettingsTable = SettingsTable> {
  /** The words that call it. */
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What comes after the name: `FILE [--users COL]`; empty where only flags do. */
  readonly usage: string
  /** Whole command lines with a remark each: `['spate up', 'everything on one machine']`. */
  readonly examples: readonly (readonly [line: string, remark: string])[]
  readonly settings: Table
  /** Section of the settings file it reads; absent where it reads none. */
  readonly section?: string
  /** Resolves to the exit code: 0 done, 1 failed, 2 called wrongly. */
  run(context: CommandContext<Table>): Promise<number>
}

/** `command` with its table's type forgotten, so that commands of all kinds fit one list. */
export function command<const Table extends SettingsTable>(each: Command<Table>): Command {
  return each
}
