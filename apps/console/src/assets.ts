import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** A file of ours whose name changes with its bytes. */
export interface Asset {
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
export const styles: Asset = asset('console', 'css')

/** The script. */
export const script: Asset = asset('console', 'js')

/** The picture in the tab. */
export const favicon: string =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" rx="9" fill="#0e2a2f"/>' +
  '<path d="M5 15c7-7 11 4 17-2s9-5 13 0M5 22c7-7 11 4 17-2s9-5 13 0M5 29c7-7 11 4 17-2s9-5 13 0" fill="none" stroke="#5ec8c4" stroke-width="2.6" stroke-linecap="round"/></svg>'
