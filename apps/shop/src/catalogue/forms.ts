import { awayShelves } from './forms-away.ts'
import { homeShelves } from './forms-home.ts'
import type { Form, MaterialId } from './vocabulary.ts'

/** Every kind of thing on the shelves: four for each category. */
export const forms: readonly Form[] = Object.entries({ ...homeShelves, ...awayShelves }).flatMap(
  ([category, rows]) =>
    rows.map(([id, en, zh, low, high, materials, useEn, useZh, tags]): Form => ({
      id,
      category,
      noun: { en, zh },
      yuan: [low, high],
      materials: materials.split(' ') as MaterialId[],
      use: { en: useEn, zh: useZh },
      tags: tags.split(' '),
    })),
)
