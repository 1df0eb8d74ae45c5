/**
 * Reads OpenMetrics and Prometheus text: samples with labels, and exemplars. Lines it cannot read
 * are passed over and counted, so that one odd line does not hide all others.
 */

/** One sample line. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** Trace of the exemplar behind `#`, its value, and its wall time in ms. */
  readonly exemplar?: { readonly traceId: string; readonly value: number; readonly timeMs: number }
}

/** Most lines read of one text. */
export const linesMax = 50_000

const line =
  /^([A-Za-z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (\S+)(?: (-?[\d.eE+]+))?(?: # \{([^}]*)\} (\S+)(?: (\S+))?)?\s*$/

/** Every sample of `text`, in order, and how many lines could not be read. O(length). */
export function readSamples(text: string): {
  readonly samples: readonly Sample[]
  readonly unread: number
} {
  const samples: Sample[] = []
  let unread = 0
  for (const each of text.split('\n').slice(0, linesMax)) {
    if (each === '' || each.startsWith('#')) continue
    const match = line.exec(each)
    const value = numberOf(match?.[3])
    if (!match || value === undefined) {
      unread++
      continue
    }
    const traceId = labelsOf(match[5] ?? '')['trace_id']
    const seen = numberOf(match[6])
    samples.push({
      name: match[1] as string,
      labels: labelsOf(match[2] ?? ''),
      value,
      ...(traceId !== undefined && seen !== undefined
        ? { exemplar: { traceId, value: seen, timeMs: (numberOf(match[7]) ?? 0) * 1000 } }
        : {}),
    })
  }
  return { samples, unread }
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (text === '+Inf') return Number.POSITIVE_INFINITY
  const value = Number(text)
  return Number.isNaN(value) ? undefined : value
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  for (const [, name, value] of text.matchAll(/([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g))
    labels[name as string] = (value as string).replaceAll(/\\(.)/g, (_, each: string) =>
      each === 'n' ? '\n' : each,
    )
  return labels
}
