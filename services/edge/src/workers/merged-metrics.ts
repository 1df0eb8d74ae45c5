interface Family {
  /** Lines that say what it is: TYPE, UNIT, HELP. */
  readonly head: readonly string[]
  readonly kind: string
  /** Value by series, in the order of first sight. */
  readonly series: Map<string, number>
}

/**
 * OpenMetrics texts of several workers as one: counters and histograms are added up, gauges keep a
 * `worker` label, because the sum of two ratios is none. Exemplars are left out. O(lines).
 */
export function mergedMetrics(texts: readonly string[]): string {
  const families = new Map<string, Family>()
  for (const [worker, text] of texts.entries()) {
    let head: string[] = []
    let family: Family | undefined
    for (const line of text.split('\n')) {
      if (line === '' || line === '# EOF') continue
      if (line.startsWith('#')) {
        if (line.startsWith('# TYPE ') || family !== undefined) head = []
        head.push(line)
        family = undefined
        continue
      }
      family ??= familyOf(families, head)
      addSample(family, line, worker)
    }
  }
  const out = [...families.values()].flatMap(({ head, series }) => [
    ...head,
    ...[...series].map(([name, value]) => `${name} ${value}`),
  ])
  return `${out.join('\n')}\n# EOF\n`
}

function familyOf(families: Map<string, Family>, head: readonly string[]): Family {
  const [, , name = '', kind = 'unknown'] =
    head.find((line) => line.startsWith('# TYPE '))?.split(' ') ?? []
  const known = families.get(name)
  if (known) return known
  const family = { head, kind, series: new Map<string, number>() }
  families.set(name, family)
  return family
}

function addSample({ kind, series }: Family, line: string, worker: number): void {
  const plain = line.split(' # ', 1)[0] ?? line
  const end =
    plain.startsWith('{') || !plain.includes('{') ? plain.indexOf(' ') : plain.lastIndexOf('}') + 1
  const name = plain.slice(0, end)
  const value = Number(plain.slice(end + 1).split(' ', 1)[0])
  // When a series began differs from worker to worker; the earliest is true for the sum.
  const created = /_created(?:\{|$)/.test(name)
  const key = kind === 'gauge' || kind === 'info' ? labelled(name, worker) : name
  const before = series.get(key)
  series.set(key, before === undefined ? value : created ? Math.min(before, value) : before + value)
}

function labelled(name: string, worker: number): string {
  return name.endsWith('}')
    ? `${name.slice(0, -1)},worker="${worker}"}`
    : `${name}{worker="${worker}"}`
}
