import { html, type Html } from '@spate/http/html'
import type { TraceSummary } from '@spate/telemetry/trace-store'
import type { Step } from '../domain/reading.ts'
import type { Campaign } from '../campaigns.ts'
import type { Program } from '../watcher.ts'
import { lineChart, spark, type Chart } from './chart.ts'
import { emptyState, layout, panel } from './layout.ts'
import { amount, share, size, span } from './numbers.ts'
import { traceTable } from './traces.ts'

/** What the overview shows. */
export interface Overview {
  readonly programs: readonly Program[]
  /** Undefined where seckill does not answer. */
  readonly campaigns: readonly Campaign[] | undefined
  readonly traces: readonly TraceSummary[]
  /** Steps the charts show, and seconds of one. */
  readonly steps: number
  readonly stepSeconds: number
  /** True for a trace that can be opened. */
  held(traceId: string): boolean
}

/** The panels by id: what the event stream sends. */
export function overviewPanels(overview: Overview): Readonly<Record<string, string>> {
  return {
    programs: programCards(overview).text,
    charts: charts(overview).text,
    campaigns: campaignList(overview.campaigns).text,
    latest: traceTable(overview.traces).text,
  }
}

/** The whole page. */
export function overviewPage(overview: Overview): Html {
  return layout({
    title: 'Overview',
    section: '/',
    live: '/live/overview',
    body: html`<h1 class="unseen">Overview</h1>
      <div id="programs">${programCards(overview)}</div>
      <div id="charts">${charts(overview)}</div>
      <div class="two">
        ${panel('campaigns', 'Flash sales', campaignList(overview.campaigns))}
        ${panel('latest', 'Latest traces', traceTable(overview.traces))}
      </div>`,
  })
}

const words = {
  ready: 'ready',
  not_ready: 'not ready',
  unreachable: 'unreachable',
  unknown: 'not asked yet',
} as const

function programCards({ programs, steps }: Overview): Html {
  return html`<ul class="cards">
    ${programs.map(({ name, history, condition }) => {
      const step = history.steps.at(-1)
      const rates = history.steps.map(({ rate }) => rate)
      return html`<li class="card p-${name}">
        <h2><i></i>${name}</h2>
        <p class="condition ${condition.state}" title="${condition.detail}">
          ${words[condition.state]}
        </p>
        <p class="big">${amount(step?.rate)} <small>req/s</small></p>
        ${spark({ name, points: rates }, steps)}
        <dl>
          <div>
            <dt>P50</dt>
            <dd>${latency(step?.p50, step)}</dd>
          </div>
          <div>
            <dt>P99</dt>
            <dd>${latency(step?.p99, step)}</dd>
          </div>
          <div>
            <dt>5xx</dt>
            <dd class="${(step?.errorShare ?? 0) > 0 ? 'bad' : ''}">${share(step?.errorShare)}</dd>
          </div>
          ${
            step?.hitShare === undefined
              ? ''
              : html`<div>
                  <dt>Hits</dt>
                  <dd>${share(step.hitShare)}</dd>
                </div>`
          }
        </dl>
      </li>`
    })}
  </ul>`
}

function charts(overview: Overview): Html {
  const { programs, steps, stepSeconds } = overview
  const common = { steps, stepSeconds }
  const lines = (
    pick: (step: Program['history']['steps'][number]) => number | undefined,
    every = true,
  ): Chart['lines'] =>
    programs
      .map(({ name, history }) => ({ name, points: history.steps.map(pick) }))
      .filter(({ points }) => every || points.some((each) => each !== undefined))
  const last = programs
    .map(({ history }) => history.steps.at(-1))
    .find((step) => step?.residentBytes)
  return html`<div class="charts">
    ${lineChart({ ...common, id: 'rate', title: 'Requests per second', lines: lines(({ rate }) => rate), write: amount })}
    ${lineChart({ ...common, id: 'p99', title: 'Latency P99', lines: lines(({ p99 }) => p99), write: span, below: exemplars(overview) })}
    ${lineChart({ ...common, id: 'hits', title: 'Cache hit ratio', lines: lines(({ hitShare }) => hitShare, false), write: share, topMin: 1 })}
    ${lineChart({
      ...common,
      id: 'loop',
      title: `Event-loop delay P99 · memory ${size(last?.residentBytes)}`,
      lines: processLines(programs),
      write: span,
      topMin: 0.01,
    })}
  </div>`
}

/** Event-loop delay: where one program speaks for a whole process, the line is named so. */
function processLines(programs: readonly Program[]): Chart['lines'] {
  const lines = programs
    .map(({ name, history }) => ({ name, points: history.steps.map(({ loopDelay }) => loopDelay) }))
    .filter(({ points }) => points.some((each) => each !== undefined))
  return lines.length === 1 ? lines.map(({ points }) => ({ name: 'process', points })) : lines
}

/** A latency, or `< 5 ms` where the program's buckets tell no more. */
function latency(value: number | undefined, step: Step | undefined): string {
  const least = step?.coarseBelow ?? 0
  return value !== undefined && value <= least ? `< ${span(least)}` : span(value)
}

/** Slow requests somebody can look into: exemplars whose traces are held. */
function exemplars(overview: Overview): Html {
  const sightings = overview.programs
    .flatMap(({ name, history }) =>
      (history.last?.sightings ?? []).map((each) => ({ name, ...each })),
    )
    .filter(({ traceId }) => overview.held(traceId))
    .sort((a, b) => b.value - a.value)
    .slice(0, 6)
  if (sightings.length === 0) return html``
  return html`<p class="exemplars">
    <span class="quiet">Slowest kept:</span>
    ${sightings.map(({ name, traceId, value }) => html`<a class="p-${name}" href="/traces/${traceId}"><i></i>${span(value)}</a> `)}
  </p>`
}

/** Flash sales with what is left. */
export function campaignList(campaigns: readonly Campaign[] | undefined): Html {
  if (campaigns === undefined)
    return emptyState('seckill does not answer. Is it running? Its URL is the setting seckillUrl.')
  if (campaigns.length === 0)
    return emptyState(
      html`No campaign yet. The demo shop opens two at its start; or
        <code>POST /seckill/campaigns</code> with the admin token.`,
    )
  return html`<ul class="campaigns">
    ${campaigns.map(
      ({ productId, remaining, total, state, reserved, paid }) =>
        html`<li>
          <p>
            <b>${productId}</b> <span class="tag">${state}</span
            ><span class="right">${amount(remaining)} of ${amount(total)} left</span>
          </p>
          <progress max="${total}" value="${remaining}" aria-label="${productId}: left"></progress>
          <p class="quiet">${amount(reserved)} reserved · ${amount(paid)} paid</p>
        </li>`,
    )}
  </ul>`
}
