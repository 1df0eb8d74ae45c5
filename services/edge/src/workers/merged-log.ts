/**
 * Several streams of server-sent events as one, event by event, as they come. Never faster than it
 * is read: what a reader misses is dropped, and told, by the worker.
 */
export async function* mergedEvents(
  streams: readonly AsyncIterable<Uint8Array>[],
): AsyncGenerator<Uint8Array, void, undefined> {
  const sources = streams.map((stream) => wholeEvents(stream))
  type Next = { readonly at: number; readonly events: Uint8Array | undefined }
  const ask = async (at: number): Promise<Next> => {
    try {
      const { done, value } = await (sources[at] as AsyncGenerator<Uint8Array>).next()
      return { at, events: done ? undefined : value }
    } catch {
      // A worker that ends has no more to tell; the others go on.
      return { at, events: undefined }
    }
  }
  const asked = new Map<number, Promise<Next>>(sources.map((_, at) => [at, ask(at)]))
  while (asked.size > 0) {
    const { at, events } = await Promise.race(asked.values())
    if (!events) asked.delete(at)
    else {
      asked.set(at, ask(at))
      yield events
    }
  }
}

/** The same bytes in pieces that end where an event ends. */
async function* wholeEvents(
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let rest: Uint8Array = new Uint8Array(0)
  for await (const chunk of stream) {
    const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk])
    const end = bytes.lastIndexOf('\n\n')
    if (end < 0) rest = bytes
    else {
      yield bytes.subarray(0, end + 2)
      rest = bytes.subarray(end + 2)
    }
  }
}
