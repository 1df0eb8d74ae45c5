import type { Ink } from './ink.ts'
import { disc, faint, line, oval, rect, shape } from './strokes.ts'

/** Draws one form on a 200 x 200 sheet; things stand on y = 160. */
export type Drawing = (ink: Ink) => string

const steam = (x: number, y: number): string =>
  faint(
    0.55,
    line(
      `M${x} ${y}c-6-8 6-12 0-22M${x + 16} ${y}c-6-8 6-12 0-22M${x - 16} ${y}c-6-8 6-12 0-22`,
      '#fff',
      3.5,
    ),
  )

/** Drawings of what stands in kitchen, on the table and on shelves. */
export const homeDrawings: Readonly<Record<string, Drawing>> = {
  casserole: (c) =>
    rect([26, 96, 148, 14], 7, c.dark) +
    shape('M40 100h120v44a16 16 0 0 1-16 16H56a16 16 0 0 1-16-16z', c.main) +
    shape('M48 100h16v52h-8a8 8 0 0 1-8-8z', c.light) +
    shape('M44 94c6-22 106-22 112 0z', c.main) +
    line('M60 86c16-10 64-10 80 0', c.light, 3) +
    disc(100, 72, 8, c.accent) +
    steam(100, 58),
  'frying-pan': (c) =>
    line('M134 112l48-34', c.dark, 13) +
    line('M166 90l14-10', c.accent, 5) +
    oval([88, 128, 66, 32], c.dark) +
    oval([88, 122, 66, 31], c.main) +
    oval([88, 123, 54, 24], c.dark) +
    shape('M58 122c2-14 24-18 36-10s34 2 26 14-24 14-38 10-26-2-24-14z', '#fdf8ee') +
    disc(84, 120, 10, '#f2b134'),
  board: (c) =>
    rect([50, 44, 100, 116], 16, c.main) +
    line('M66 62v80M84 56v92M116 56v92M134 62v80', c.dark, 1.5) +
    rect([50, 44, 14, 116], 7, c.light) +
    disc(100, 62, 8, c.sky) +
    disc(124, 132, 15, '#d9412f') +
    line('M124 118l-5-6M124 118l6-5', '#5f8a4a', 3) +
    shape('M72 148c0-18 26-18 26 0z', '#8fb05f'),
  knife: (c) =>
    `<g transform="rotate(-38 100 100)">${
      shape('M22 96h96v22c-40 4-78-2-96-22z', '#d9e0e4') +
      shape('M22 96h96v6H30z', '#f4f7f8') +
      rect([116, 92, 14, 28], 3, c.dark) +
      rect([128, 94, 58, 22], 10, c.main) +
      disc(144, 105, 3, c.light) +
      disc(166, 105, 3, c.light)
    }</g>`,
  bowl: (c) =>
    shape('M34 92h132c0 38-26 60-46 62H80c-20-2-46-24-46-62z', c.main) +
    shape('M34 92h18c2 34 16 50 34 62h-6c-20-2-46-24-46-62z', c.light) +
    oval([100, 92, 66, 15], c.dark) +
    oval([100, 93, 58, 11], '#f6e7c6') +
    line('M60 94c12-8 20 4 32-2s22 6 34-2', '#d8b36a', 3) +
    disc(120, 91, 6, '#8fb05f') +
    rect([78, 152, 44, 8], 3, c.dark) +
    line('M128 88l44-46M138 90l44-40', '#8a5a3a', 3.5),
  plate: (c) =>
    oval([100, 116, 78, 44], c.dark) +
    oval([100, 112, 78, 44], c.main) +
    oval([100, 112, 54, 29], c.light) +
    oval([100, 113, 50, 26], c.main) +
    shape('M80 118c-4-18 22-26 38-14 8 6 2 22-12 22s-22 2-26-8z', c.accent) +
    line('M116 98c6-10 14-8 20-16M122 104c8-4 12-2 18-6', '#5f8a4a', 3),
  tumbler: (c) =>
    faint(0.9, shape('M62 54h76l-8 98a8 8 0 0 1-8 8H78a8 8 0 0 1-8-8z', c.main)) +
    shape('M66 92h68l-5 58a6 6 0 0 1-6 6H77a6 6 0 0 1-6-6z', c.dark) +
    oval([100, 92, 34, 6], c.light) +
    faint(0.6, shape('M72 60h10l6 92h-8z', '#fff')) +
    oval([100, 54, 38, 7], c.light) +
    disc(112, 118, 4, c.light) +
    disc(96, 136, 3, c.light),
  pitcher: (c) =>
    line('M136 76c40-4 40 54 2 56', c.dark, 9) +
    shape(
      'M60 46h70l6 8c4 18 14 44 14 70 0 22-10 36-26 36H80c-16 0-26-14-26-36 0-28 8-46 10-64z',
      c.main,
    ) +
    shape(
      'M62 100c24-10 52 10 84 0 2 8 4 16 4 24 0 20-10 32-26 32H80c-16 0-26-12-26-32 0-8 4-16 8-24z',
      c.dark,
    ) +
    shape('M60 46l-12-8 18 2z', c.main) +
    faint(0.5, line('M74 66c-4 22-8 36-8 58', '#fff', 6)) +
    disc(110, 122, 10, '#f2b134') +
    disc(110, 122, 6, '#f7d98a'),
  teapot: (c) =>
    line('M146 92c42-12 40 52 0 46', c.dark, 9) +
    shape('M58 106c-18-2-22-26-38-30l-4 8c14 10 10 40 42 44z', c.main) +
    oval([100, 118, 54, 42], c.main) +
    faint(0.55, oval([80, 106, 16, 20], c.light)) +
    oval([100, 80, 30, 8], c.dark) +
    shape('M72 78c4-16 52-16 56 0z', c.main) +
    disc(100, 62, 7, c.accent) +
    line('M62 128c24 12 52 12 76 0', c.accent, 4) +
    rect([76, 154, 48, 7], 3, c.dark),
  mug: (c) =>
    line('M134 88c44-8 42 52 0 48', c.dark, 11) +
    rect([50, 70, 88, 90], 16, c.main) +
    rect([58, 78, 12, 74], 6, c.light) +
    oval([94, 72, 44, 9], c.dark) +
    oval([94, 73, 37, 6], '#6a4028') +
    shape('M94 132c-24-14-24-32-10-32 6 0 10 6 10 6s4-6 10-6c14 0 14 18-10 32z', c.accent) +
    steam(94, 58),
  caddy: (c) =>
    rect([58, 74, 84, 86], 8, c.main) +
    rect([64, 74, 12, 86], 4, c.light) +
    rect([54, 54, 92, 26], 8, c.dark) +
    rect([60, 58, 80, 5], 2.5, c.light) +
    disc(100, 48, 7, c.dark) +
    rect([76, 96, 48, 44], 4, '#f6efe2') +
    shape('M100 132c-14-8-14-22 0-30 14 8 14 22 0 30z', '#7f9d63') +
    line('M100 108v26', '#55733f', 2),
  dripper: (c) =>
    shape('M52 56h96l-26 44H78z', c.main) +
    shape('M52 56h16l20 44H78z', c.light) +
    oval([100, 56, 48, 9], c.dark) +
    oval([100, 57, 40, 6], '#6a4028') +
    rect([70, 98, 60, 8], 4, c.dark) +
    shape('M68 108h64l8 44a8 8 0 0 1-8 8H68a8 8 0 0 1-8-8z', '#dbe9ea') +
    shape('M64 134h72l4 20a6 6 0 0 1-6 6H66a6 6 0 0 1-6-6z', '#7a4a2c') +
    line('M100 108v16', '#6a4028', 3) +
    line('M146 70c20 0 20 22 2 24', c.dark, 6),
  'desk-lamp': (c) =>
    oval([88, 156, 40, 8], c.dark) +
    line('M88 152L64 98l44-44', c.main, 8) +
    disc(64, 98, 8, c.dark) +
    faint(0.5, shape('M110 84l62 70H86z', '#ffe9a8')) +
    shape('M92 46l34-18 26 44-50 14z', c.main) +
    shape('M92 46l12-6 10 42-12 4z', c.light) +
    disc(130, 78, 9, '#ffe08a'),
  pendant: (c) =>
    line('M100 0v60', c.dark, 3) +
    faint(0.5, shape('M56 112h88l30 62H26z', '#ffe9a8')) +
    rect([90, 52, 20, 14], 4, c.dark) +
    shape('M88 64h24c26 8 38 26 40 48H48c2-22 14-40 40-48z', c.main) +
    shape('M88 64h8c-22 12-32 28-34 48H48c2-22 14-40 40-48z', c.light) +
    oval([100, 112, 52, 9], c.dark) +
    disc(100, 116, 12, '#ffe08a'),
  candle: (c) =>
    rect([60, 90, 80, 70], 10, c.main) +
    rect([66, 94, 10, 62], 5, c.light) +
    oval([100, 92, 40, 9], '#fff4dc') +
    line('M100 90V76', '#3a2a1c', 3) +
    shape('M100 40c16 20 14 38 0 38s-16-18 0-38z', '#f6a93b') +
    shape('M100 56c7 10 6 20 0 20s-7-10 0-20z', '#ffe9a8') +
    faint(0.25, disc(100, 62, 34, '#ffd36b')) +
    rect([78, 112, 44, 30], 3, '#fbf6ec') +
    line('M86 122h28M90 131h20', c.dark, 2.5),
  lantern: (c) =>
    line('M68 58c0-44 64-44 64 0', c.dark, 5) +
    rect([60, 54, 80, 14], 6, c.dark) +
    rect([66, 66, 68, 80], 8, '#fff1c4') +
    faint(0.9, disc(100, 108, 20, '#ffd36b')) +
    shape('M100 86c12 16 10 30 0 30s-12-14 0-30z', '#f08a3c') +
    line('M78 68v76M122 68v76', c.main, 6) +
    rect([54, 142, 92, 18], 6, c.main) +
    rect([60, 146, 80, 4], 2, c.light),
  pillow: (c) =>
    shape(
      'M32 76c8-14 30-2 68-2s60-12 68 2 0 24 0 42 8 30 0 42-30 0-68 0-60 12-68 0 0-24 0-42-8-28 0-42z',
      c.main,
    ) +
    faint(0.7, shape('M46 86c14-4 34 2 54 2-20 10-40 30-46 56-8-16 2-40-8-58z', c.light)) +
    line(
      'M56 94c12 10 22 14 34 14M144 94c-12 10-22 14-34 14M60 140c12-8 20-12 30-12',
      c.dark,
      2.5,
    ) +
    line('M38 118h124', c.accent, 3),
  blanket: (c) =>
    rect([40, 128, 120, 32], 12, c.dark) +
    rect([40, 100, 120, 34], 12, c.main) +
    rect([40, 70, 120, 36], 14, c.light) +
    rect([40, 70, 120, 16], 8, c.main) +
    line('M64 72v34M88 72v34M112 72v34M136 72v34', c.accent, 3) +
    line(
      'M48 160v10M60 160v12M72 160v10M84 160v12M96 160v10M108 160v12M120 160v10M132 160v12M144 160v10M154 160v9',
      c.dark,
      3,
    ),
  bedding: (c) =>
    rect([24, 60, 152, 44], 14, c.dark) +
    rect([34, 82, 60, 34], 14, '#fffaf0') +
    rect([106, 82, 60, 34], 14, '#fffaf0') +
    shape('M24 112c40-14 112-14 152 0v44H24z', c.main) +
    shape('M24 112c40-14 112-14 152 0v12c-40-14-112-14-152 0z', c.light) +
    line('M60 128v28M100 126v30M140 128v28', c.accent, 3) +
    rect([28, 154, 10, 12], 2, c.dark) +
    rect([162, 154, 10, 12], 2, c.dark),
  'eye-mask': (c) =>
    line('M22 98c30-34 126-34 156 0', c.dark, 6) +
    shape(
      'M30 100c10-26 130-26 140 0 6 26-12 46-36 46-20 0-22-18-34-18s-14 18-34 18c-24 0-42-20-36-46z',
      c.main,
    ) +
    faint(0.6, shape('M42 98c16-14 60-16 92-12-40 2-66 8-84 26-8-2-10-8-8-14z', c.light)) +
    line('M52 118c8 10 24 10 32 0M116 118c8 10 24 10 32 0', c.accent, 4) +
    line('M58 126l-4 7M68 128v8M78 126l4 7M122 126l-4 7M132 128v8M142 126l4 7', c.accent, 3),
}
