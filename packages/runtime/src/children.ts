import { fork } from 'node:child_process'

/** Another process that runs this same program. */
export interface Child {
  readonly pid: number | undefined
  /** Resolves when it is gone: its exit code, or undefined where a signal ended it. */
  readonly exited: Promise<number | undefined>
  /** Calls `task` for each message it sends by `tellParent`. */
  onMessage(task: (message: unknown) => void): void
  /** Asks it to drain and end; `at once` does not ask. */
  stop(how?: 'at once'): void
}

/** Starts this program once more, with `args` and variables `env` beside our own. Its output goes where ours goes. */
export function forkSelf(args: readonly string[], env: Readonly<Record<string, string>>): Child {
  const child = fork(process.argv[1] as string, [...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exited = new Promise<number | undefined>((resolve) => {
    child.once('exit', (code) => resolve(code ?? undefined))
    child.once('error', () => resolve(undefined))
  })
  return {
    pid: child.pid,
    exited,
    onMessage: (task) => void child.on('message', task),
    stop: (how) => void child.kill(how === 'at once' ? 'SIGKILL' : 'SIGTERM'),
  }
}

/** Sends `message` (plain data) to the process that forked this one; false where none did. */
export function tellParent(message: object): boolean {
  return process.send?.(message) ?? false
}

/** Calls `task` once the process that forked this one is gone; never where none did. */
export function onParentGone(task: () => void): void {
  if (!process.send) return
  process.once('disconnect', task)
  // A listener keeps the channel, and with it this process, alive.
  process.channel?.unref()
}
