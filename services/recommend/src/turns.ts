/** Resolves in the next turn of the event loop: what waits is done first. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/** Does long work one step a turn of the event loop; `turn` ends a turn. Resolves to its result. */
export async function inTurns<Result>(
  work: Iterator<unknown, Result>,
  turn: () => Promise<void> = nextTurn,
): Promise<Result> {
  for (;;) {
    const step = work.next()
    if (step.done) return step.value
    await turn()
  }
}
