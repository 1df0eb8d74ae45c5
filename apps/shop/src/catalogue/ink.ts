import { SeededChance } from '@spate/runtime/chance'
import type { Product } from './product.ts'

/** Colours and strokes a drawing is made with. */
export interface Ink {
  /** The thing itself; may be a `url(#...)` of a texture. */
  readonly main: string
  /** Its shaded side, handles, outlines. */
  readonly dark: string
  /** Its lit side. */
  readonly light: string
  /** A second colour for labels, pages, straps. */
  readonly accent: string
  /** Two tones of the background. */
  readonly sky: string
  readonly ground: string
  /** Whole number for small differences between drawings of one form. */
  readonly twist: number
}

type Tones = readonly [main: string, dark: string, light: string]

/** What each material looks like; textiles and ceramics come in several colours. */
const tonesOf: Readonly<Record<string, readonly Tones[]>> = {
  walnut: [['#7a4f35', '#553322', '#a0714f']],
  oak: [['#c89b66', '#9c7242', '#e2c092']],
  bamboo: [['#c9b06a', '#97803f', '#e3d19a']],
  iron: [['#3d4348', '#24292d', '#666e75']],
  steel: [['#a9b4bc', '#76838d', '#d5dde2']],
  copper: [['#bf6d45', '#8d482a', '#e29c75']],
  brass: [['#c79a3c', '#936d1f', '#e7c577']],
  stoneware: [
    ['#6f8f8a', '#4b6864', '#9bb7b2'],
    ['#b5654a', '#86432d', '#d5917a'],
    ['#4f6d8c', '#344d68', '#7f9bb8'],
    ['#8a8f63', '#646941', '#b2b78c'],
  ],
  porcelain: [
    ['#f4f1ea', '#c9c2b4', '#ffffff'],
    ['#dfe8ea', '#a9bbc0', '#f6fafb'],
  ],
  glass: [
    ['#9fcfca', '#5f9d98', '#d2ecea'],
    ['#b7cfe8', '#7596b8', '#dfebf6'],
    ['#d8c59a', '#a58d55', '#efe4c8'],
  ],
  linen: [
    ['#d9cdb8', '#ab9c81', '#efe7d8'],
    ['#a8b5a2', '#7a8974', '#cdd6c9'],
    ['#c9a59a', '#9a7468', '#e3cac2'],
  ],
  cotton: [
    ['#e8dccb', '#b9a98f', '#f7f0e5'],
    ['#8fa9c4', '#64809d', '#bccde0'],
    ['#d99f8b', '#ab6f5b', '#eec8ba'],
  ],
  wool: [
    ['#a4574c', '#773930', '#c98479'],
    ['#5b7468', '#3d5348', '#8aa296'],
    ['#c99f4e', '#967230', '#e3c486'],
  ],
  canvas: [
    ['#6d7355', '#4b5039', '#989e7e'],
    ['#3f5568', '#2a3b4a', '#6c8398'],
    ['#b0713c', '#814e24', '#d39a69'],
  ],
  leather: [
    ['#9b5f38', '#6e3f21', '#c48a62'],
    ['#5a3d30', '#3b261d', '#86644f'],
  ],
  recycled: [
    ['#2f7f86', '#1d5a60', '#63aab0'],
    ['#e07a5f', '#b0533a', '#f0a994'],
    ['#5667a8', '#3a4980', '#8592c9'],
    ['#e0a83e', '#ab7b20', '#f0cb84'],
  ],
  paper: [
    ['#e9dfcf', '#b9ab92', '#f8f3e9'],
    ['#d96f5b', '#a64836', '#eba193'],
    ['#3c6e8f', '#274d66', '#6d9bb9'],
  ],
  herbal: [
    ['#9db38a', '#6f875c', '#c7d6ba'],
    ['#c7a9c4', '#967593', '#e2cfe0'],
    ['#e3bd8b', '#b18a58', '#f2dabb'],
  ],
}

const accents = ['#e4572e', '#0f6b6f', '#f2b134', '#2d4059', '#f6efe2', '#8fb996'] as const

const skies: readonly (readonly [string, string])[] = [
  ['#f3ead9', '#e3d3b8'],
  ['#e3eeea', '#c8ddd6'],
  ['#f7e3da', '#eccbbd'],
  ['#e4eaf3', '#c9d5e6'],
  ['#eee6f0', '#d9cbe0'],
  ['#f4efcf', '#e4dba6'],
  ['#e2f0f2', '#bfdde1'],
]

const fallback: Tones = ['#6f8f8a', '#4b6864', '#9bb7b2']

/** Colours for `product`: the same for ever, by its material and its look. */
export function inkOf(product: Product): Ink {
  const chance = new SeededChance(product.look)
  const tones = tonesOf[product.tags[0] ?? ''] ?? [fallback]
  const [main, dark, light] = tones[chance.integer(0, tones.length - 1)] ?? fallback
  const others = accents.filter((accent) => accent !== main)
  const [sky, ground] = skies[chance.integer(0, skies.length - 1)] ?? ['#f3ead9', '#e3d3b8']
  return {
    main,
    dark,
    light,
    accent: others[chance.integer(0, others.length - 1)] ?? '#e4572e',
    sky,
    ground,
    twist: chance.integer(0, 5),
  }
}
