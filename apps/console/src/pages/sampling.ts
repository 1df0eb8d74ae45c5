import { html, type Html } from '@spate/http/html'
import type { Sample } from '@spate/telemetry/exposition-text'
import { layout, panel } from './layout.ts'
import { amount, share, size } from './numbers.ts'

/** Telemetry of one program, as its own metrics tell it. */
export interface SelfReport {
  readonly name: string
  /** Samples whose names begin with `spate_telemetry_`; undefined where it did not answer. */
  readonly samples: readonly Sample[] | undefined
}

/** What the page on sampling shows. */
export interface SamplingView {
  readonly reports: readonly SelfReport[]
  readonly store: { readonly traces: number; readonly bytes: number; readonly dropped: number }
}

/** What each program keeps, sends and loses of its own telemetry. */
export function samplingPage(view: SamplingView): Html {
  const { store } = view
  return layout({
    title: 'Sampling',
    section: '/sampling',
    body: html`<h1>Sampling and delivery</h1>
      <p class="facts">
        <span>Traces held here <b>${amount(store.traces)}</b></span
        ><span>in <b>${size(store.bytes)}</b></span>
        <span>spans let go <b>${amount(store.dropped)}</b></span>
      </p>
      <div class="even">
        ${view.reports.map(({ name, samples }) =>
          panel(
            `t-${name}`,
            name,
            samples === undefined
              ? html`<p class="quiet">no answer</p>`
              : html`<table>
                  <tbody>
                    ${samples.map(
                      ({ name: metric, labels, value }) =>
                        html`<tr>
                          <td>
                            ${words(metric)}
                            ${Object.values(labels).map((each) => html`<span class="tag">${each}</span> `)}
                          </td>
                          <td class="number">${written(metric, value)}</td>
                        </tr>`,
                    )}
                  </tbody>
                </table>`,
          ),
        )}
      </div>`,
  })
}

function words(metric: string): string {
  return metric
    .replace(/^spate_telemetry_/, '')
    .replace(/_(total|bytes|seconds)$/, '')
    .replaceAll('_', ' ')
}

function written(metric: string, value: number): string {
  if (metric.endsWith('probability')) return share(value)
  if (metric.endsWith('_bytes')) return size(value)
  if (metric.endsWith('_seconds')) return `${Math.round(value * 1e9)} ns`
  return amount(value)
}
