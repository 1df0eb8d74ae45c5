/**
 * Process upgrade: new code and settings behind ports that stay open.
 *
 *   1. a successor of each worker starts, reads its settings, and waits      (may fail: nothing happened)
 *   2. each worker lets go of its folder and answers on, from memory and what can still be read;
 *      each successor takes the folder and begins to accept from the same sockets
 *                                                    (may fail: the folders are taken back)
 *   3. the workers stop accepting and leave: clients may ask once more on open connections
 *
 * All workers go together or none does, so that no two versions are left side by side.
 */
import { jsonResponse } from '@spate/http/problem'
import type { Route } from '@spate/http/router'
import type { Post } from './post.ts'
import type { WorkerProcess } from './worker-process.ts'

/** What an upgrade needs. */
export interface ReplaceParts {
  /** Runs `task` while nobody else changes anything. */
  readonly alone: (task: () => Promise<void>) => Promise<void>
  /** Hears of each worker that was replaced, before anything else can happen. */
  readonly onReplaced: (worker: WorkerProcess) => void
}

/** Replaces the workers of all posts; each post must have one. Throws what a successor failed with. */
export async function replaceAll(
  posts: readonly Post[],
  { alone, onReplaced }: ReplaceParts,
): Promise<void> {
  for (const post of posts) post.hold()
  const present = posts.flatMap((post) => post.worker ?? [])
  const next = posts.map((post) => post.successor())
  let released = false
  try {
    await Promise.all(next.map((each) => each.prepared()))
    await alone(async () => {
      released = true
      const left = await Promise.all(present.map((each) => each.release()))
      await Promise.all(next.map((each, at) => each.begin(left[at] ?? false)))
      for (const [at, post] of posts.entries()) post.take(next[at] as WorkerProcess)
      for (const each of present) onReplaced(each)
    })
  } catch (caught) {
    // Who has begun has clients; they are answered before the folder goes back.
    await Promise.all(next.map((each) => each.stop(each.ready ? undefined : 'at once')))
    if (released) for (const each of present) each.tell({ order: 'take back' })
    throw caught
  } finally {
    for (const post of posts) post.letGo()
  }
}

/** `POST /upgrade`. */
export function upgradeRoute(upgrade: () => Promise<object>): Route {
  return {
    method: 'POST',
    path: '/upgrade',
    name: 'upgrade',
    summary: 'Starts new workers from the code and settings that are there now; the old ones leave',
    admin: true,
    refusals: [409, 422],
    handler: async () => jsonResponse(200, await upgrade()),
  }
}
