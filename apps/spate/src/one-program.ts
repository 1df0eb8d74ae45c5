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
        fork: (flags, env) => forkSelf([...host.argv, ...flags], env),
        env: host.env,
      })
      reloadAtHangUp(running, context)
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
  tellParent({ ...running?.urls })
  await Promise.race([stopped(signal), new Promise<void>(onParentGone)])
  log.info('draining')
  return (await lifecycle.stop()) ? 0 : 1
}

/** Has `running` take up its settings again at each SIGHUP, where it can. */
export function reloadAtHangUp(
  running: Running,
  { onHangUp, log }: Pick<CommandContext, 'onHangUp' | 'log'>,
): void {
  if (!running.reload) return
  onHangUp(() => {
    // Owner: this line; a refusal is told and the program goes on as it was.
    running.reload?.().catch((caught: unknown) => {
      const { message } = Fault.from(caught)
      log.error('the new settings are refused', { for: running.name, why: message })
    })
  })
}

/** Resolves when `signal` aborts. */
export function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
