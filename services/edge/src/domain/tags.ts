import { fieldLines, type FieldList } from './fields.ts'

/** Most tags kept for one response; later ones are left out. */
export const tagsMax = 256
/** Longest tag, in letters; longer ones are left out. */
export const tagLengthMax = 256

/** Purge tags of a response: `Cache-Tag` (commas) and `Surrogate-Key` (blanks), each once. */
export function tagsOf(headers: FieldList): string[] {
  const tags = new Set<string>()
  const add = (text: string): void => {
    if (text !== '' && text.length <= tagLengthMax && tags.size < tagsMax) tags.add(text)
  }
  for (const line of fieldLines(headers, 'cache-tag')) {
    for (const tag of line.split(',')) add(tag.trim())
  }
  for (const line of fieldLines(headers, 'surrogate-key')) {
    for (const tag of line.split(/\s+/)) add(tag)
  }
  return [...tags]
}
