import { parentPort, workerData } from 'node:worker_threads'
import { train, type TrainingOptions } from './domain/training.ts'
import type { Interactions } from './domain/interactions.ts'

/** What the thread is given. */
export interface TrainingJob {
  readonly interactions: Interactions
  readonly options: TrainingOptions
}

const { interactions, options } = workerData as TrainingJob
parentPort?.postMessage(train(interactions, options))
