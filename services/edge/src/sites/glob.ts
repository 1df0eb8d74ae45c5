/**
 * True where `text` is as `pattern` says; `*` stands for any letters, none included. No regular
 * expression: an unlucky pattern costs O(pattern x text), never more.
 */
export function globMatches(pattern: string, text: string): boolean {
  let at = 0
  let star = -1
  let resume = 0
  let from = 0
  while (at < text.length) {
    const letter = pattern[from]
    if (letter === '*') {
      star = from++
      resume = at
    } else if (letter === text[at]) {
      from++
      at++
    } else if (star >= 0) {
      from = star + 1
      at = ++resume
    } else return false
  }
  while (pattern[from] === '*') from++
  return from === pattern.length
}

/**
 * A path as the most obliging origin would read it: escapes decoded (twice), cut where a query, a
 * fragment or a control letter came out, backslashes as slashes, no `;parameters`, dot segments
 * resolved, no empty segments. Undefined where that is `path` itself.
 */
export function obligingPath(path: string): string | undefined {
  if (!/[%;\\]|\/\.|\/\//.test(path)) return undefined
  let text = path
  for (let turn = 0; turn < 2; turn++) text = decoded(text)
  const out: string[] = []
  for (const segment of text.replaceAll('\\', '/').split('/')) {
    const [name = ''] = segment.split(';', 1)
    if (name === '..') out.pop()
    else if (name !== '.' && name !== '') out.push(name)
  }
  const slash = text.endsWith('/') && out.length > 0 ? '/' : ''
  const plain = `/${out.join('/')}${slash}`
  return plain === path ? undefined : plain
}

function decoded(text: string): string {
  const plain = text.replaceAll(/%([\da-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  // oxlint-disable-next-line no-control-regex
  return plain.split(/[?#\u0000-\u001f]/, 1)[0] ?? ''
}
