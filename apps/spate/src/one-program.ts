import { workerVariable } from '@spate/edge/place'
import { forkSelf, onParentGone, tellParent } from '@spate/runtime/children'
import { command, type Command, type CommandContext } from '@spate/runtime/command'
import { Fault } from '@spate/runtime/fault'
import { Lifecycle, type Running } from '@spate/runtime/lifecycle'
import { foundationSettings, layFoundation, type FoundationSettings } from './foundation.ts'
import { eventLogOf } from './shared-event-log.ts'
import type { Program } from './programs.ts'

/** The command that runs `program` alone until it is told to stop. */
export function programCommand(program: Program): Command {
  return command({
    name: program.name,
    summary: program.summary,
    usage: '',
    examples: program.examples,
    settings: { ...program.settings, ...foundationSettings },
    section: program.name,
    run: (context) => runProgram(program, context as unknown as CommandContext),
  })
}

async function runProgram(program: Program, context: CommandContext): Promise<number> {
  const { host, clock, chance, log, signal } = context
  const settings = context.settings as unknown as FoundationSettings & {
    readonly adminToken?: string
  }
  const foundation = await layFoundation({
    settings,
    folder: host.cwd,
    clock,
    chance,
    log,
    addLogSink: (sink) => context.addLogSink(sink),
    alone: true,
    successor: host.env[workerVariable] !== undefined,
  })
  const lifecycle = new Lifecycle({ clock, log })
  const events = eventLogOf({ folder: foundation.dataDir, clock, log })
  let running: Running | undefined
  lifecycle.add({ name: 'telemetry', stop: (deadline) => foundation.close(deadline) })
  lifecycle.add({ name: 'event log', stop: () => events.close() })
  lifecycle.add({
    name: program.name,
    start: async () => {
      running = await program.start(settings, {
        foundation,
        eventLog: events.open,
        clock,
        chance,
        log,
        reread: () => context.reread(),
        fork: (flags, ...rest) => forkSelf([...host.argv, ...flags], ...rest),
        env: host.env,
      })
      heedSignals(running, context)
    },
    stop: () => running?.stop(),
  })
  await lifecycle.start()
  if (foundation.adminToken.generated) {
    log.info('made an admin token; it is kept in the data folder', {
      token: foundation.adminToken.value,
    })
  }
  log.info('ready', { program: program.name, ...running?.urls })
  await tellParent({ ...running?.urls })
  const ends = [stopped(signal), new Promise<void>(onParentGone)]
  await Promise.race(running?.over ? [...ends, running.over] : ends)
  log.info('draining')
  return (await lifecycle.stop()) ? 0 : 1
}

/** Has `running` read its settings again at each SIGHUP, and start anew at each SIGUSR2, where it can. */
export function heedSignals(
  running: Running,
  { onSignal, log }: Pick<CommandContext, 'onSignal' | 'log'>,
): void {
  const { name } = running
  const heed = (what: Promise<unknown>, refusal: string): void => {
    // Owner: this line; a refusal is told and the program goes on as it was.
    what.catch((caught: unknown) => {
      log.error(refusal, { for: name, why: Fault.from(caught).message })
    })
  }
  if (running.reload)
    onSignal('SIGHUP', () => {
      if (running.reload) heed(running.reload(), 'the new settings are refused')
    })
  if (running.upgrade)
    onSignal('SIGUSR2', () => {
      if (running.upgrade) heed(running.upgrade(), 'the upgrade failed; the old one goes on')
    })
}

/** Resolves when `signal` aborts. */
export function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
