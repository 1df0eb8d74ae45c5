/** Words of a vector, in order, as hashes: what a hashed model looks weights up by. 0: absent. */
export const tokenNames = [
  'user',
  'item',
  'category',
  'last_item',
  'hour',
  'segment',
  'place',
] as const

/** FNV-1a of the field and its value, never 0; 0 where there is no value. */
export function tokenOf(
  field: (typeof tokenNames)[number],
  value: string | number | boolean | undefined,
): number {
  if (value === undefined || value === '') return 0
  const text = String(value)
  let hash = Math.imul(0x811c9dc5 ^ tokenNames.indexOf(field), 0x01000193)
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0 || 1
}
