import type { Seen, Told } from './dialogue.ts'

/** How our listener did against bare `node:http`. The last three must never be. */
export type Verdict = 'same' | 'stricter' | 'looser' | 'different' | 'garbled'

/** Compares what both told about one case. */
export function verdictOf(ours: Told, bare: Told): Verdict {
  if (ours.garbled) return 'garbled'
  for (const [at, seen] of ours.seen.entries()) {
    const other = bare.seen[at]
    if (!other) return 'looser'
    if (!equal(seen, other)) return 'different'
  }
  if (ours.seen.length < bare.seen.length) return ours.refused.length > 0 ? 'stricter' : 'different'
  // Both took the same requests; then both refuse, or neither does. How often node:http refuses
  // behind its first refusal does not matter: ours ends the connection with the first one.
  if (ours.refused.length > 0 === bare.refused.length > 0) return 'same'
  return ours.refused.length > 0 ? 'stricter' : 'looser'
}

function equal(ours: Seen, bare: Seen): boolean {
  return (
    ours.method === bare.method &&
    ours.target === originForm(bare.target) &&
    ours.httpVersion === bare.httpVersion &&
    ours.body === bare.body &&
    ours.raw.length === bare.raw.length &&
    ours.raw.every((text, at) => text === bare.raw[at])
  )
}

/** Ours gives handlers the origin form of an absolute target; the host was compared with `Host`. */
function originForm(target: string): string {
  const absolute = /^https?:\/\/[^/?]+(.*)$/i.exec(target)
  if (!absolute) return target
  const rest = absolute[1] as string
  return rest.startsWith('/') ? rest : `/${rest}`
}
