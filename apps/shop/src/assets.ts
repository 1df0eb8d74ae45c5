import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** A file of ours whose name changes with its bytes. */
export interface Asset {
  /** `/assets/shop-1a2b3c4d.css` */
  readonly path: string
  readonly type: string
  readonly body: string
}

const kinds = { css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8' } as const

function asset(name: string, kind: keyof typeof kinds): Asset {
  const body = readFileSync(new URL(`./assets/${name}.${kind}`, import.meta.url), 'utf8')
  const print = createHash('sha256').update(body).digest('hex').slice(0, 10)
  return { path: `/assets/${name}-${print}.${kind}`, type: kinds[kind], body }
}

/** The style sheet. */
export const styles: Asset = asset('shop', 'css')

/** The script. */
export const script: Asset = asset('shop', 'js')

/** The worker that finds proofs of work for the waiting room. */
export const solver: Asset = asset('proof', 'js')

/** The picture in the tab. */
export const favicon: string =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><circle cx="20" cy="20" r="20" fill="#0b6468"/>' +
  '<path d="M4 22c6-6 10 4 16-1s10-5 16 1M6 29c5-4 9 3 14-1s9-3 14 1" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round"/></svg>'
