import type { Drawing } from './drawings-home.ts'
import { disc, faint, line, oval, rect, shape } from './strokes.ts'

/** Drawings of what is carried, worn, written on and taken outside. */
export const awayDrawings: Readonly<Record<string, Drawing>> = {
  backpack: (c) =>
    line('M82 52c0-26 36-26 36 0', c.dark, 7) +
    rect([46, 46, 108, 114], 30, c.main) +
    shape('M46 92V76c0-17 13-30 30-30h48c17 0 30 13 30 30v16c-30 14-78 14-108 0z', c.light) +
    rect([62, 108, 76, 44], 10, c.dark) +
    rect([66, 112, 68, 36], 8, c.main) +
    line('M66 124h68', c.dark, 3) +
    rect([94, 86, 12, 24], 3, c.accent) +
    rect([34, 96, 14, 50], 7, c.dark) +
    rect([152, 96, 14, 50], 7, c.dark),
  tote: (c) =>
    line('M70 82c0-52 60-52 60 0', c.dark, 7) +
    shape('M46 78h108l10 74a8 8 0 0 1-8 8H44a8 8 0 0 1-8-8z', c.main) +
    shape('M46 78h14l-8 82h-8a8 8 0 0 1-8-8z', c.light) +
    disc(100, 120, 22, c.accent) +
    line('M84 124c8-8 8 6 16 0s8 6 16 0', '#fff', 3.5) +
    line('M46 86h108', c.dark, 2),
  suitcase: (c) =>
    line('M82 56V22h36v34', c.dark, 6) +
    rect([54, 48, 92, 106], 14, c.main) +
    line('M74 56v90M92 56v90M110 56v90M128 56v90', c.dark, 3) +
    rect([58, 52, 10, 98], 5, c.light) +
    rect([54, 92, 92, 12], 0, c.accent) +
    disc(68, 158, 8, '#2b2f33') +
    disc(132, 158, 8, '#2b2f33'),
  pouch: (c) =>
    rect([32, 70, 136, 86], 16, c.main) +
    rect([32, 70, 136, 22], 10, c.light) +
    line('M40 92h120', c.dark, 4) +
    line('M40 92h120', c.accent, 1.5) +
    rect([138, 88, 10, 26], 4, c.accent) +
    rect([50, 112, 44, 28], 4, c.dark) +
    line('M58 122h28M58 130h18', c.light, 2.5),
  tent: (c) =>
    shape('M100 46L20 158h160z', c.main) +
    shape('M100 46L20 158h44z', c.light) +
    shape('M100 74l34 84H66z', c.dark) +
    shape('M100 74l-34 84 14-2c10-20 18-48 20-82z', c.accent) +
    line('M100 46V32', c.dark, 3) +
    shape('M100 32l18 5-18 6z', c.accent) +
    line('M20 158L8 164M180 158l12 6', c.dark, 3),
  flask: (c) =>
    rect([78, 30, 44, 24], 6, c.dark) +
    rect([74, 50, 52, 10], 3, c.accent) +
    shape(
      'M76 60h48c10 8 14 14 14 26v64a10 10 0 0 1-10 10H72a10 10 0 0 1-10-10V86c0-12 4-18 14-26z',
      c.main,
    ) +
    rect([70, 82, 10, 70], 5, c.light) +
    shape('M84 128l16-26 12 16 6-8 10 18z', '#fff') +
    line('M62 140h76', c.dark, 3),
  chair: (c) =>
    line('M62 160l60-70M138 160L78 90', c.dark, 6) +
    shape('M56 44h12l8 50H60z', c.dark) +
    shape('M132 44h12l-4 50h-16z', c.dark) +
    shape('M62 48c24 8 52 8 76 0l-6 46H68z', c.main) +
    shape('M62 48c8 2 14 4 20 4l2 42H68z', c.light) +
    shape('M58 92h84l8 20H50z', c.main) +
    line('M50 112h100', c.accent, 5),
  umbrella: (c) =>
    line('M100 40v96c0 24-28 24-28 4', c.dark, 6) +
    shape(
      'M20 106c4-84 156-84 160 0-14-14-28-14-40 0-12-14-28-14-40 0-12-14-28-14-40 0-12-14-26-14-40 0z',
      c.main,
    ) +
    shape('M60 106c-12-14-26-14-40 0 2-44 42-66 76-68-22 14-34 38-36 68z', c.light) +
    shape('M100 106c12-14 28-14 40 0-2-32-14-56-36-68h-4z', c.accent) +
    line('M100 38V28', c.dark, 5) +
    faint(0.6, line('M26 130l-6 12M46 144l-6 12M160 130l-6 12M176 146l-6 12', '#5f8fb0', 4)),
  notebook: (c) =>
    rect([56, 36, 96, 124], 8, c.dark) +
    rect([52, 36, 94, 120], 8, c.main) +
    rect([52, 36, 16, 120], 6, c.light) +
    rect([84, 58, 48, 30], 3, '#fbf6ec') +
    line('M92 68h32M92 77h22', c.dark, 2.5) +
    rect([122, 36, 7, 120], 0, c.accent) +
    shape('M100 156v18l6-6 6 6v-18z', c.accent),
  pen: (c) =>
    `<g transform="rotate(38 100 100)">${
      rect([88, 14, 24, 62], 8, c.main) +
      rect([92, 18, 6, 54], 3, c.light) +
      rect([86, 70, 28, 8], 2, c.accent) +
      rect([89, 78, 22, 56], 3, c.dark) +
      shape('M90 134h20l-10 40z', '#d9c07a') +
      line('M100 148v22', '#7a6326', 2) +
      rect([110, 22, 6, 40], 3, c.accent)
    }</g>` + line('M30 164c20-12 30 8 50-2', '#2d4059', 3.5),
  clock: (c) =>
    rect([58, 144, 18, 18], 4, c.dark) +
    rect([124, 144, 18, 18], 4, c.dark) +
    disc(100, 100, 58, c.main) +
    disc(100, 100, 50, c.light) +
    disc(100, 100, 44, '#fdf9f0') +
    line('M100 62v6M100 132v6M62 100h6M132 100h6', c.dark, 4) +
    line(`M100 100L${84 + c.twist * 6} 74`, '#2b2f33', 5) +
    line(`M100 100l22 ${c.twist * 4 - 8}`, c.accent, 3.5) +
    disc(100, 100, 5, '#2b2f33'),
  calendar: (c) =>
    shape('M36 160l18-110h92l18 110z', c.dark) +
    shape('M46 150l10-92h88l10 92z', '#fdf9f0') +
    shape('M53 84l3-26h88l3 26z', c.main) +
    line('M72 50v14M100 50v14M128 50v14', c.dark, 4) +
    [0, 1, 2, 3, 4]
      .map((at) => disc(64 + at * 18, 104, 5, at === c.twist % 5 ? c.accent : '#d8cfbd'))
      .join('') +
    [0, 1, 2, 3, 4]
      .map((at) => disc(62 + at * 19, 128, 5, at === 3 ? c.light : '#d8cfbd'))
      .join(''),
  headphones: (c) =>
    line('M48 116c-6-96 110-96 104 0', c.main, 12) +
    line('M58 92c6-42 78-42 84 0', c.light, 4) +
    rect([34, 102, 34, 54], 16, c.dark) +
    rect([132, 102, 34, 54], 16, c.dark) +
    rect([54, 106, 16, 46], 8, c.accent) +
    rect([130, 106, 16, 46], 8, c.accent),
  speaker: (c) =>
    rect([56, 28, 88, 132], 10, c.main) +
    rect([60, 32, 10, 124], 5, c.light) +
    disc(104, 66, 18, '#2b2f33') +
    disc(104, 66, 8, c.accent) +
    disc(104, 118, 30, '#2b2f33') +
    disc(104, 118, 22, '#454b50') +
    disc(104, 118, 9, c.accent) +
    rect([62, 158, 14, 6], 2, c.dark) +
    rect([124, 158, 14, 6], 2, c.dark),
  radio: (c) =>
    line('M132 70l34-46', '#59626a', 3.5) +
    rect([28, 66, 144, 94], 16, c.main) +
    rect([28, 66, 144, 22], 11, c.light) +
    rect([42, 94, 70, 54], 8, c.dark) +
    line('M50 104h54M50 114h54M50 124h54M50 134h54', c.light, 3) +
    disc(142, 110, 18, '#fdf9f0') +
    line(`M142 110l${6 + c.twist} -9`, c.accent, 3.5) +
    disc(132, 144, 6, c.accent) +
    disc(152, 144, 6, c.dark),
  earbuds: (c) =>
    rect([40, 96, 120, 64], 30, c.main) +
    rect([48, 102, 104, 14], 7, c.light) +
    line('M40 124h120', c.dark, 2.5) +
    disc(100, 140, 4, '#7fd08a') +
    disc(68, 60, 18, c.dark) +
    line('M72 66v28', c.dark, 12) +
    disc(64, 58, 7, c.accent) +
    disc(132, 60, 18, c.dark) +
    line('M128 66v28', c.dark, 12) +
    disc(136, 58, 7, c.accent),
  planter: (c) =>
    line(
      'M100 112c-2-30-6-44-4-66M100 112c-16-14-30-24-34-46M100 112c14-16 30-22 38-44',
      '#557a4a',
      4,
    ) +
    shape('M96 52c-18-12-14-36 4-40 14 12 12 32-4 40z', '#7fae68') +
    shape('M66 72c-24-2-34-22-24-36 20 0 30 18 24 36z', '#6b9a5b') +
    shape('M138 72c-4-20 10-38 28-34 6 18-8 34-28 34z', '#8cbb74') +
    shape(
      'M92 92c-18 4-32-4-34-16 16-8 30 2 34 16zM108 90c2-16 16-24 30-18-2 14-14 22-30 18z',
      '#5f8f50',
    ) +
    shape('M56 108h88l-10 46a8 8 0 0 1-8 6H74a8 8 0 0 1-8-6z', c.main) +
    shape('M56 108h18l6 52h-6a8 8 0 0 1-8-6z', c.light) +
    rect([50, 100, 100, 14], 6, c.dark),
  'watering-can': (c) =>
    line('M128 92c56-20 56 58 6 56', c.dark, 8) +
    shape('M70 132L26 76l10-8 44 36z', c.main) +
    shape('M14 74l26-20 6 8-26 20z', c.dark) +
    shape('M66 84h70l8 68a8 8 0 0 1-8 8H68a8 8 0 0 1-8-8z', c.main) +
    shape('M70 84h12l-4 76H68a8 8 0 0 1-8-8z', c.light) +
    oval([101, 84, 35, 8], c.dark) +
    faint(0.8, line('M18 92l-4 12M28 100l-4 12M12 112l-3 10', '#5f8fb0', 4)),
  vase: (c) =>
    line('M98 82c-4-20-18-28-20-44M102 82c0-24 4-34 2-52M104 82c8-16 18-22 26-38', '#557a4a', 3.5) +
    disc(78, 34, 12, c.accent) +
    disc(78, 34, 5, '#fff3cf') +
    disc(104, 26, 13, '#e58c74') +
    disc(104, 26, 5, '#fff3cf') +
    disc(132, 40, 11, '#f2b134') +
    disc(132, 40, 4, '#fff3cf') +
    shape(
      'M84 78h32c-2 22 26 28 26 54 0 18-14 28-30 28H88c-16 0-30-10-30-28 0-26 28-32 26-54z',
      c.main,
    ) +
    faint(0.6, line('M88 94c-4 14-18 22-18 40', '#fff', 6)) +
    rect([80, 72, 40, 9], 4, c.dark),
  terrarium: (c) =>
    faint(
      0.75,
      shape(
        'M78 50h44v14c26 8 40 26 40 50 0 28-22 46-48 46H86c-26 0-48-18-48-46 0-24 14-42 40-50z',
        c.main,
      ),
    ) +
    shape('M42 126c18-14 34 2 58-4s42-6 58 6c-4 20-22 30-44 30H86c-22 0-40-12-44-32z', '#6b4a33') +
    shape(
      'M46 128c6-16 24-18 30-6 6-18 30-22 38-4 8-12 30-10 38 10-30 10-76 10-106 0z',
      '#6b9a5b',
    ) +
    line('M92 114V84M92 96l-10-8M92 92l10-10M124 118v-20M124 108l8-7', '#4d7a43', 3.5) +
    faint(0.6, line('M56 92c6-10 14-16 24-20', '#fff', 5)) +
    rect([74, 36, 52, 18], 6, '#b98d5f'),
  blocks: (c) =>
    rect([34, 114, 46, 46], 5, c.main) +
    rect([84, 114, 46, 46], 5, c.accent) +
    rect([134, 128, 32, 32], 5, c.light) +
    shape('M57 66l28 46H29z', c.dark) +
    rect([86, 66, 42, 46], 5, c.light) +
    shape('M86 66a21 21 0 0 1 42 0z', c.dark) +
    disc(150, 112, 15, '#f2b134') +
    line('M46 126h22M46 136h22', c.light, 3) +
    disc(107, 138, 9, c.sky),
  kite: (c) =>
    shape('M104 22l52 52-52 66-44-66z', c.main) +
    shape('M104 22v52H60z', c.light) +
    shape('M104 74h52l-52 66z', c.accent) +
    line('M104 22v118M60 74h96', c.dark, 2.5) +
    line('M104 140c-6 20-30 8-34 26s-26 10-34 22', c.dark, 3) +
    shape('M88 150l12 8-14 6zM68 164l-6-12 14 2z', c.accent),
  'board-game': (c) =>
    shape('M100 66l78 44-78 50-78-50z', c.dark) +
    shape('M100 58l78 44-78 50-78-50z', c.main) +
    shape(
      'M100 58l26 15-26 16-26-16zM152 87l26 15-26 17-26-17zM48 87l26 15-26 17-26-17zM100 117l26 16-26 17-26-17z',
      c.light,
    ) +
    oval([100, 104, 13, 6], c.dark) +
    shape('M92 102l4-26h8l4 26z', c.accent) +
    disc(100, 70, 10, c.accent) +
    oval([60, 104, 10, 5], c.dark) +
    shape('M54 102l3-18h6l3 18z', '#f2b134') +
    disc(60, 80, 8, '#f2b134') +
    rect([128, 78, 22, 22], 4, '#fdf9f0') +
    disc(135, 85, 2.5, '#2b2f33') +
    disc(143, 93, 2.5, '#2b2f33'),
  puzzle: (c) =>
    rect([38, 48, 58, 56], 6, c.main) +
    disc(96, 76, 12, c.main) +
    rect([38, 104, 58, 56], 6, c.accent) +
    disc(67, 104, 12, c.main) +
    rect([100, 104, 58, 56], 6, c.light) +
    disc(98, 132, 12, c.accent) +
    `<g transform="rotate(12 140 66)">${rect([112, 36, 56, 56], 6, c.dark) + disc(140, 92, 12, c.dark) + disc(112, 64, 11, c.sky)}</g>`,
  soap: (c) =>
    shape('M30 138h140l-10 18a8 8 0 0 1-7 4H47a8 8 0 0 1-7-4z', '#b98d5f') +
    line('M52 138v18M84 138v22M116 138v22M148 138v18', '#8d6238', 3) +
    rect([44, 84, 112, 54], 20, c.main) +
    rect([52, 88, 96, 18], 9, c.light) +
    rect([74, 104, 52, 22], 11, c.dark) +
    line('M84 116c8-6 8 4 16 0s8 4 16 0', c.light, 2.5) +
    faint(0.8, disc(60, 66, 10, '#fff') + disc(82, 54, 6, '#fff') + disc(140, 64, 8, '#fff')),
  towel: (c) =>
    rect([22, 40, 156, 9], 4.5, '#8d6238') +
    shape('M52 44h96v104a6 6 0 0 1-6 6H58a6 6 0 0 1-6-6z', c.main) +
    shape('M52 44h22v110H58a6 6 0 0 1-6-6z', c.light) +
    rect([52, 112, 96, 8], 0, c.accent) +
    rect([52, 125, 96, 4], 0, c.accent) +
    line(
      'M58 154v10M70 154v12M82 154v10M94 154v12M106 154v10M118 154v12M130 154v10M142 154v10',
      c.dark,
      3,
    ),
  comb: (c) =>
    `<g transform="rotate(-22 100 100)">${
      line(Array.from({ length: 14 }, (_, at) => `M${36 + at * 10} 104v40`).join(''), c.main, 5.5) +
      shape('M28 76c40-20 104-20 144 0v34H28z', c.main) +
      shape('M28 76c40-20 104-20 144 0v8c-40-16-104-16-144 0z', c.light) +
      shape('M76 96c6-10 18-10 24 0 6-10 18-10 24 0-6 8-18 8-24 0-6 8-18 8-24 0z', c.accent)
    }</g>`,
  'body-wash': (c) =>
    line('M100 46V28h-26v8', c.dark, 7) +
    rect([88, 44, 24, 18], 4, c.dark) +
    shape(
      'M82 60h36c16 6 22 14 22 30v60a10 10 0 0 1-10 10H70a10 10 0 0 1-10-10V90c0-16 6-24 22-30z',
      c.main,
    ) +
    rect([68, 84, 10, 68], 5, c.light) +
    rect([82, 96, 46, 44], 4, '#fbf6ec') +
    shape('M105 132c-12-6-12-20 0-28 12 8 12 22 0 28z', '#7f9d63') +
    disc(66, 48, 6, '#fff') +
    disc(56, 60, 4, '#fff'),
}
