import { html, type Html } from '@spate/http/html'
import type { Sample } from '@spate/telemetry/exposition-text'
import { thresholdOf } from '@spate/telemetry/threshold'
import { layout, panel } from './layout.ts'
import { memoryMeter, type StoreSize } from './memory.ts'
import { amount, share, size } from './numbers.ts'

/** Telemetry of one program, as its own metrics tell it. */
export interface SelfReport {
  readonly name: string
  /** Samples of its telemetry's own metrics; undefined where it did not answer. */
  readonly samples: readonly Sample[] | undefined
}

/** What the page on sampling shows. */
export interface SamplingView {
  readonly reports: readonly SelfReport[]
  readonly stores: Readonly<Record<'traces' | 'metrics' | 'logs', StoreSize>>
}

/** What each program keeps, sends and loses of its own telemetry. */
export function samplingPage(view: SamplingView): Html {
  const { traces, metrics, logs } = view.stores
  return layout({
    title: 'Sampling',
    section: '/sampling',
    body: html`<h1>Sampling and delivery</h1>
      <p class="facts">
        <span class="quiet">Held in this process:</span>
        ${memoryMeter('traces', traces)} ${memoryMeter('metrics', metrics)}
        ${memoryMeter('logs', logs)}
      </p>
      <div class="even">
        ${view.reports.map(({ name, samples }) =>
          panel(
            `t-${name}`,
            name,
            samples === undefined ? html`<p class="quiet">no answer</p>` : programReport(samples),
          ),
        )}
      </div>`,
  })
}

function programReport(samples: readonly Sample[]): Html {
  const value = (name: string, label?: string): number | undefined =>
    samples.find(
      (each) =>
        each.name === `spate_telemetry_${name}` &&
        (label === undefined || Object.values(each.labels).includes(label)),
    )?.value
  const probability = value('sampling_probability')
  const budget = value('sampling_budget')
  const kept = value('spans_total', 'kept')
  const dropped = value('spans_total', 'dropped')
  const cost = value('request_cost_seconds')
  const figures: readonly (readonly [name: string, text: string])[] = [
    ['new traces kept, p', share(probability)],
    ['threshold, T', probability === undefined ? '–' : thresholdOf(probability).text],
    ['budget', budget === undefined || budget === 0 ? 'none' : `${amount(budget)} spans/s`],
    ['spans kept', amount(kept)],
    ['let go', amount(dropped)],
    ['held for a peer', amount(value('traces_waiting'))],
    ['cost of a request', cost === undefined || cost === 0 ? '–' : `${Math.round(cost * 1e9)} ns`],
  ]
  const shown =
    /_(sampling_probability|sampling_budget|spans_total|traces_waiting|request_cost_seconds)$/
  const rest = samples.filter(({ name }) => !shown.test(name))
  return html`<dl class="figures">
      ${figures.map(
        ([name, text]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${text}</dd>
          </div>`,
      )}
    </dl>
    <table>
      <tbody>
        ${rest.map(
          ({ name, labels, value: figure }) =>
            html`<tr>
              <td>
                ${words(name)}
                ${Object.values(labels).map((each) => html`<span class="tag">${each}</span> `)}
              </td>
              <td class="number ${lost(name) && figure > 0 ? 'bad' : ''}">
                ${written(name, figure)}
              </td>
            </tr>`,
        )}
      </tbody>
    </table>`
}

/** True for what counts losses. */
function lost(metric: string): boolean {
  return /_(dropped|rejected|refused)_total$/.test(metric)
}

function words(metric: string): string {
  return metric
    .replace(/^spate_telemetry_/, '')
    .replace(/^spate_/, '')
    .replace(/_(total|seconds)$/, '')
    .replace(/_bytes$/, '')
    .replaceAll('_', ' ')
}

function written(metric: string, value: number): string {
  if (/_bytes(_total)?$/.test(metric)) return size(value)
  if (metric.endsWith('_seconds')) return `${Math.round(value * 1e9)} ns`
  return amount(value)
}
