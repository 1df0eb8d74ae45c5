/** A language answers are written in. */
export type Language = 'zh-CN' | 'en'

const known = new Map<string, Language>()
const knownMax = 256

/**
 * The language a caller prefers, by Accept-Language (RFC 9110 section 12.5.4): Chinese where it is
 * wanted at least as much as English, else English, which is also for those who ask for nothing. The
 * one rule of all services.
 */
export function languageOf(accept: string | undefined): Language {
  if (accept === undefined || accept === '') return 'en'
  let language = known.get(accept)
  if (!language) {
    language = weigh(accept)
    if (known.size < knownMax) known.set(accept, language)
  }
  return language
}

function weigh(accept: string): Language {
  let chinese = 0
  let english = 0
  for (const [order, part] of accept.slice(0, 1000).split(',').entries()) {
    const match = /^\s*([a-z*]+)(?:-[\w-]+)?\s*(?:;\s*q=([\d.]+))?\s*$/i.exec(part)
    if (!match) continue
    // Of equal weights the one named first is meant.
    const weight = Number(match[2] ?? 1) - order * 1e-6
    const name = match[1]?.toLowerCase()
    if (name === 'zh') chinese = Math.max(chinese, weight)
    if (name === 'en') english = Math.max(english, weight)
  }
  return chinese > 0 && chinese >= english ? 'zh-CN' : 'en'
}
