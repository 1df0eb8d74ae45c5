import type { Forgotten } from './telling.ts'

/** What a worker tells the process that started it once it answers. */
export interface WorkerReady {
  readonly traffic: string
  readonly admin: string
}

/** What a worker tells its crew. */
export type FromWorker =
  /** Its settings hold and its code runs; it waits to be told to begin. */
  | { readonly said: 'prepared' }
  /** Another process may have its folder; `left`: what only memory had lies there too. */
  | { readonly said: 'released'; readonly left: boolean }
  /** Its folder is its own again. */
  | { readonly said: 'taken back' }
  /** An unsafe request made these invalid. */
  | ({ readonly said: 'changed' } & Forgotten)
  /** It cannot start, in the words it printed. */
  | { readonly failed: string }
  | WorkerReady

/** What a crew tells a worker. */
export type ToWorker =
  /** Take the folder, with what the worker before left there a moment ago, and open the port. */
  | { readonly order: 'begin'; readonly left: boolean }
  /** Let another process have the folder; go on answering. */
  | { readonly order: 'release' }
  /** Nobody came: take the folder again. */
  | { readonly order: 'take back' }
  /** Another one answers: stop accepting, let every client ask once more, end. */
  | { readonly order: 'leave' }
  /** Accept for a worker that is away, too. */
  | { readonly order: 'open'; readonly index: number }
  /** Another worker saw these become invalid. */
  | ({ readonly order: 'forget' } & Forgotten)
