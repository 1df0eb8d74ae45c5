import { fork } from 'node:child_process'

/** Descriptor of the first socket a child inherits; 0 to 2 are its streams, 3 is its channel. */
export const inheritedFrom = 4

/** Another process that runs this same program. */
export interface Child {
  readonly pid: number | undefined
  /** Resolves when it is gone: its exit code, or undefined where a signal ended it. */
  readonly exited: Promise<number | undefined>
  /** Calls `task` for each message it sends by `tellParent`. */
  onMessage(task: (message: unknown) => void): void
  /** Sends it `message` (plain data); resolves once it is on its way, or lost for good. */
  tell(message: object): Promise<void>
  /** Asks it to drain and end; `at once` does not ask. */
  stop(how?: 'at once'): void
}

/**
 * Starts this program once more, from the files that are there now, with `args` and variables `env`
 * beside our own. Its output goes where ours goes. It has the descriptors `sockets` of ours too, as
 * `inheritedFrom` and so on.
 */
export function forkSelf(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  sockets: readonly number[] = [],
): Child {
  const child = fork(process.argv[1] as string, [...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...sockets],
  })
  const exited = new Promise<number | undefined>((resolve) => {
    child.once('exit', (code) => resolve(code ?? undefined))
    // The first says that it could not be started; later ones, that it could not be told something.
    child.on('error', () => child.pid === undefined && resolve(undefined))
  })
  return {
    pid: child.pid,
    exited,
    onMessage: (task) => void child.on('message', task),
    tell: (message) =>
      new Promise((resolve) => {
        if (!child.connected) resolve()
        else child.send(message, () => resolve())
      }),
    stop: (how) => void child.kill(how === 'at once' ? 'SIGKILL' : 'SIGTERM'),
  }
}

/** Sends `message` (plain data) to the process that forked this one; resolves once it is on its way, or lost for good. */
export function tellParent(message: object): Promise<void> {
  return new Promise((resolve) => {
    // That a parent is gone is heard of by `onParentGone`.
    if (!process.send || !process.connected) resolve()
    else process.send(message, undefined, {}, () => resolve())
  })
}

/** Calls `task` for each message the process that forked this one sends; never where none did. */
export function onParentMessage(task: (message: unknown) => void): void {
  if (!process.send) return
  process.on('message', task)
  process.channel?.unref()
}

/** Calls `task` once the process that forked this one is gone; never where none did. */
export function onParentGone(task: () => void): void {
  if (!process.send) return
  process.once('disconnect', task)
  // A listener keeps the channel, and with it this process, alive.
  process.channel?.unref()
}
