import { awayDrawings } from './drawings-away.ts'
import { homeDrawings, type Drawing } from './drawings-home.ts'
import { inkOf, type Ink } from './ink.ts'
import type { Product } from './product.ts'
import { disc, oval, rect, shape } from './strokes.ts'

const drawings: Readonly<Record<string, Drawing>> = { ...homeDrawings, ...awayDrawings }

/** Six rooms a thing may stand in: sun, arch, hills, window, water, shelf. */
const scenes: readonly ((ink: Ink) => string)[] = [
  (c) => disc(148, 58, 34, c.ground),
  (c) => shape('M46 160V96a54 54 0 0 1 108 0v80z', c.ground),
  (c) => shape('M0 118c40-34 72-6 100-18s64-36 100-6v90H0z', c.ground),
  (c) => rect([24, 20, 64, 78], 6, c.ground) + rect([112, 20, 64, 78], 6, c.ground),
  (c) => shape('M0 92c34-20 66 20 100 0s66-20 100 0v90H0z', c.ground),
  (c) => disc(100, 96, 76, c.ground),
]

/**
 * The picture of `product` as a whole SVG file: same bytes for ever. `label` is its accessible
 * name and must be escaped already.
 */
export function pictureOf(product: Product, label: string): string {
  const ink = inkOf(product)
  const scene = scenes[ink.twist % scenes.length] ?? scenes[0]
  const thing = drawings[product.form]?.(ink) ?? disc(100, 110, 46, ink.main)
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200" role="img" aria-label="${label}">` +
    rect([0, 0, 200, 200], 0, ink.sky) +
    (scene?.(ink) ?? '') +
    rect([0, 160, 200, 40], 0, ink.ground) +
    `<g opacity=".18">${oval([100, 164, 66, 8], ink.dark)}</g>` +
    thing +
    '</svg>'
  )
}

/** Forms that have a drawing of their own. */
export const drawnForms: readonly string[] = Object.keys(drawings)
