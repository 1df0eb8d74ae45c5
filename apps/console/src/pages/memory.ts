import { html, type Html } from '@spate/http/html'
import { size } from './numbers.ts'

/** How full a store is. */
export interface StoreSize {
  readonly bytes: number
  readonly bytesMax: number
}

/** A meter of the memory a store uses, of what it may. */
export function memoryMeter(name: string, { bytes, bytesMax }: StoreSize): Html {
  return html`<span class="memory"
    >${name} <meter min="0" max="${bytesMax}" value="${bytes}" aria-label="${name}: memory"></meter>
    <b>${size(bytes)}</b> <span class="quiet">of ${size(bytesMax)}</span></span
  >`
}
