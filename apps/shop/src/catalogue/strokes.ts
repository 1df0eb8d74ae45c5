/** The few SVG elements drawings are made of. Numbers are whole or halves: bytes matter. */

/** A rectangle with corners of radius `r`. */
export function rect(
  box: readonly [x: number, y: number, w: number, h: number],
  r: number,
  fill: string,
): string {
  const [x, y, w, h] = box
  return `<rect x="${x}" y="${y}" width="${w}" height="${h}" rx="${r}" fill="${fill}"/>`
}

/** A circle. */
export function disc(cx: number, cy: number, r: number, fill: string): string {
  return `<circle cx="${cx}" cy="${cy}" r="${r}" fill="${fill}"/>`
}

/** An ellipse. */
export function oval(
  at: readonly [cx: number, cy: number, rx: number, ry: number],
  fill: string,
): string {
  const [cx, cy, rx, ry] = at
  return `<ellipse cx="${cx}" cy="${cy}" rx="${rx}" ry="${ry}" fill="${fill}"/>`
}

/** A filled path. */
export function shape(d: string, fill: string): string {
  return `<path d="${d}" fill="${fill}"/>`
}

/** A drawn path with round ends. */
export function line(d: string, stroke: string, width: number): string {
  return `<path d="${d}" fill="none" stroke="${stroke}" stroke-width="${width}" stroke-linecap="round" stroke-linejoin="round"/>`
}

/** The same drawing, see-through. `opacity` from 0 to 1. */
export function faint(opacity: number, drawing: string): string {
  return `<g opacity="${opacity}">${drawing}</g>`
}
