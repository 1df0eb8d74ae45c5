/** Variable that makes a process a worker: its `WorkerPlace` as JSON. */
export const workerVariable = 'SPATE_EDGE_CREW'

/** A worker's place in its crew. */
export interface WorkerPlace {
  /** Admin URL of the process that started it. */
  readonly crewUrl: string
  /** Which of the workers it is, from 0. */
  readonly index: number
  readonly workers: number
  /** Sockets of the traffic port, all workers' together, inherited by each of them. */
  readonly sockets: number
}

/**
 * Which sockets of the port belong to worker `index`: each has its own, so that the kernel spreads
 * connections evenly and wakes one worker for each. Where the platform gave one only, it is everybody's.
 */
export function socketsOf(
  { workers, sockets }: Pick<WorkerPlace, 'workers' | 'sockets'>,
  index: number,
): readonly number[] {
  const all = Array.from({ length: sockets }, (_, at) => at)
  return sockets < workers ? all : all.filter((at) => at % workers === index)
}
