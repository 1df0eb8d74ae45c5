import { html, Html, type HtmlValue } from '@spate/http/html'

/**
 * Line charts as SVG made on the server: they stand without script, weigh some KB, and the script
 * only swaps them for newer ones. Lines stretch with the page; texts are HTML and do not.
 */

/** One line. Undefined points are gaps. */
export interface Line {
  /** Its colour. */
  readonly name: string
  /** What the legend says where that is not the name. */
  readonly label?: string
  /** Newest last. */
  readonly points: readonly (number | undefined)[]
}

/** A chart. */
export interface Chart {
  readonly id: string
  readonly title: string
  /** Steps the width stands for; shorter lines are drawn at the right. */
  readonly steps: number
  /** Seconds one step stands for. */
  readonly stepSeconds: number
  readonly lines: readonly Line[]
  readonly write: (value: number | undefined) => string
  /** Value at the top where lines are lower: 1 for shares. */
  readonly topMin?: number
  /** Stands under the legend. */
  readonly below?: Html
}

const width = 600
const height = 150

/** The next round number at or above `value`: 1, 2, 2.5, 5 times a power of ten. */
export function roundUp(value: number): number {
  if (!(value > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  const step = [1, 2, 2.5, 5, 10].find((each) => value <= each * power * (1 + 1e-9))
  return (step ?? 10) * power
}

/** `line` as path data in a box of `width` x `height`, its top at `top`. O(points). */
export function pathOf(line: Line, steps: number, top: number): string {
  const first = steps - line.points.length
  let data = ''
  let pen = false
  for (const [at, value] of line.points.entries()) {
    if (value === undefined || first + at < 0) {
      pen = false
      continue
    }
    const x = steps > 1 ? ((first + at) / (steps - 1)) * width : width
    const y = height - (Math.min(value, top) / top) * height
    data += `${pen ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`
    // A value between two gaps is a line of no length: its round end shows as a dot.
    if (!pen && line.points[at + 1] === undefined) data += 'h0'
    pen = true
  }
  return data
}

/** `chart` with its title, scale and legend. The values stand in a table for those who cannot see it. */
export function lineChart(chart: Chart): Html {
  const { lines, steps, write } = chart
  const highest = Math.max(0, ...lines.flatMap(({ points }) => points.map((each) => each ?? 0)))
  const top = roundUp(Math.max(highest, chart.topMin ?? 0))
  const drawn = lines.filter(({ points }) => points.some((each) => each !== undefined))
  const minutes = Math.max(1, Math.round((steps * chart.stepSeconds) / 60))
  return html`<figure class="chart" id="chart-${chart.id}">
    <figcaption>${chart.title}</figcaption>
    <div class="plot">
      <svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" aria-hidden="true">
        <path class="grid" d="M0 ${height / 2}H${width}M0 1H${width}M0 ${height}H${width}" />
        ${drawn.map(({ name, points }) => html`<path class="line p-${name}" d="${pathOf({ name, points }, steps, top)}" />`)}
      </svg>
      <span class="top">${write(top)}</span><span class="middle">${write(top / 2)}</span>
      ${drawn.length === 0 ? html`<span class="none">nothing measured yet</span>` : ''}
    </div>
    <p class="axis"><span>${minutes} min ago</span><span>now</span></p>
    <ul class="legend">
      ${lines.map(({ name, label, points }): HtmlValue => html`<li class="p-${name}"><i></i>${label ?? name} <b>${write(points.at(-1))}</b></li>`)}
    </ul>
    ${chart.below ?? ''}
  </figure>`
}

/** A small line without scale, for a card. */
export function spark(line: Line, steps: number): Html {
  const highest = Math.max(...line.points.map((each) => each ?? 0), 0)
  const data = pathOf(line, steps, roundUp(highest))
  return html`<svg
    class="spark"
    viewBox="0 0 ${width} ${height}"
    preserveAspectRatio="none"
    aria-hidden="true"
  >
    <path class="line p-${line.name}" d="${data}" />
  </svg>`
}
