/** One server-sent event, as far as the sale's streams use them. */
export interface StreamEvent {
  readonly id: string
  readonly data: string
}

/** Events of a stream (WHATWG HTML section 9.2.6); comments are skipped. */
export async function* eventsOf(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<StreamEvent, void, undefined> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const piece of pieces) {
    const blocks = (rest + decoder.decode(piece, { stream: true })).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const values = (field: string): string[] =>
        block
          .split('\n')
          .filter((line) => line.startsWith(`${field}: `))
          .map((line) => line.slice(field.length + 2))
      const data = values('data')
      if (data.length > 0) yield { id: values('id').at(-1) ?? '', data: data.join('\n') }
    }
  }
}
