/** What one worker said. */
export interface WorkerAnswer {
  readonly status: number
  readonly headers: readonly string[]
  readonly body: string
}

/** Members of an answer that are no sums: of all workers, the greatest counts. */
const greatest: ReadonlySet<string> = new Set(['bytesMax'])

/**
 * Answers of all workers to one admin call as one: the first refusal where there is one; `/stats`
 * and `/purge` added up; of the rest the richest, for all say the same or one of them knows more.
 */
export function mergedAnswers(path: string, answers: readonly WorkerAnswer[]): WorkerAnswer {
  const refused = answers.find(({ status }) => status >= 400)
  const [first] = answers
  if (refused ?? !first) return refused ?? { status: 503, headers: [], body: '' }
  const warm = /^\/warm(?:\/|$)/.test(path)
  const sums = warm || path === '/stats' || path === '/purge'
  const bodies = answers.map(({ body }) => body)
  if (!sums) {
    const richest = bodies.reduce((one, other) => (other.length > one.length ? other : one))
    return { status: first?.status ?? 200, headers: first?.headers ?? [], body: richest }
  }
  const merged = bodies.map((body): unknown => JSON.parse(body)).reduce(summed) as Json
  const { requests, hits } = merged
  if (typeof requests === 'number' && typeof hits === 'number')
    merged['hitRatio'] = requests === 0 ? 0 : hits / requests
  if (warm) merged['state'] = stateOfAll(bodies)
  return {
    status: first?.status ?? 200,
    headers: first?.headers ?? [],
    body: JSON.stringify(merged),
  }
}

/** A job of all workers runs while one of theirs does, and is as good as the worst of them. */
function stateOfAll(bodies: readonly string[]): string {
  const states = bodies.map((body) => (JSON.parse(body) as { state?: string }).state)
  return ['running', 'failed', 'cancelled'].find((state) => states.includes(state)) ?? 'done'
}

type Json = Record<string, unknown>

/** `one` and `other` added up: numbers by name, lists end to end; of what is neither, `one`. */
export function summed(one: unknown, other: unknown): unknown {
  if (Array.isArray(one) && Array.isArray(other)) return [...(one as unknown[]), ...other]
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null)
    return one
  const [left, right] = [one as Json, other as Json]
  const names = new Set([...Object.keys(left), ...Object.keys(right)])
  return Object.fromEntries([...names].map((name) => [name, added(name, left[name], right[name])]))
}

function added(name: string, one: unknown, other: unknown): unknown {
  if (one === undefined || other === undefined) return one ?? other
  if (typeof one === 'number' && typeof other === 'number')
    return greatest.has(name) ? Math.max(one, other) : one + other
  return summed(one, other)
}
