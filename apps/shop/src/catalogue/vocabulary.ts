import type { Category, Words } from './product.ts'

/** A kind of thing: its noun, what it costs, and what can be said about it. */
export interface Form {
  readonly id: string
  readonly category: string
  readonly noun: Words
  /** Lowest and highest price in whole yuan. */
  readonly yuan: readonly [number, number]
  readonly materials: readonly MaterialId[]
  /** What it does, without its subject: the first sentence of the description. */
  readonly use: Words
  readonly tags: readonly string[]
}

const words = (en: string, zh: string): Words => ({ en, zh })

/** Shelves in the order of the navigation. */
export const categories: readonly Category[] = [
  {
    id: 'kitchen',
    name: words('Kitchen', '厨房'),
    line: words('Pots that outlive recipes.', '好锅，比菜谱更长久。'),
  },
  {
    id: 'table',
    name: words('Table', '餐桌'),
    line: words('Set it once, sit for hours.', '摆好一桌，坐上半天。'),
  },
  {
    id: 'tea',
    name: words('Tea & coffee', '茶与咖啡'),
    line: words('For the ten quiet minutes.', '留给自己的十分钟。'),
  },
  {
    id: 'light',
    name: words('Light', '灯与光'),
    line: words('Warm corners for long evenings.', '长夜里的一角暖光。'),
  },
  {
    id: 'sleep',
    name: words('Sleep', '睡眠'),
    line: words('Soft things, honestly made.', '柔软，而且实在。'),
  },
  {
    id: 'bags',
    name: words('Bags', '箱包'),
    line: words('Carry less, carry it well.', '少带一点，带得更好。'),
  },
  {
    id: 'outdoor',
    name: words('Outdoors', '户外'),
    line: words('Rain is only weather.', '下雨，不过是天气。'),
  },
  {
    id: 'desk',
    name: words('Desk', '书桌'),
    line: words('Paper, ink and a clear hour.', '纸、墨与完整的一小时。'),
  },
  {
    id: 'sound',
    name: words('Sound', '声音'),
    line: words('Hear the room, not the box.', '听见房间，而不是音箱。'),
  },
  {
    id: 'green',
    name: words('Green', '绿植'),
    line: words('Things that grow on you.', '慢慢长，慢慢喜欢。'),
  },
  {
    id: 'play',
    name: words('Play', '玩乐'),
    line: words('No batteries, no screens.', '不插电，也不看屏幕。'),
  },
  {
    id: 'bath',
    name: words('Bath', '洗浴'),
    line: words('The smallest holiday there is.', '最短的一次假期。'),
  },
]

/** Name of a row of `materials`. */
export type MaterialId =
  | 'walnut'
  | 'oak'
  | 'bamboo'
  | 'iron'
  | 'steel'
  | 'copper'
  | 'stoneware'
  | 'porcelain'
  | 'glass'
  | 'linen'
  | 'cotton'
  | 'wool'
  | 'canvas'
  | 'leather'
  | 'recycled'
  | 'paper'
  | 'brass'
  | 'herbal'

/** What things are made of or come in: first word of a name, and a sentence about care. */
export const materials: Readonly<
  Record<MaterialId, { readonly name: Words; readonly care: Words }>
> = {
  walnut: {
    name: words('Walnut', '胡桃木'),
    care: words(
      'Oil the wood twice a year and it only gets darker and better.',
      '每年上两次木油，颜色会越来越温润。',
    ),
  },
  oak: {
    name: words('Oak', '橡木'),
    care: words(
      'The oak comes from managed forests and ages to a warm honey.',
      '橡木来自可持续林场，用久了呈蜂蜜色。',
    ),
  },
  bamboo: {
    name: words('Bamboo', '竹制'),
    care: words('Bamboo is light, hard and dries in minutes.', '竹材轻而坚硬，几分钟就能晾干。'),
  },
  iron: {
    name: words('Cast Iron', '铸铁'),
    care: words(
      'Wipe it dry after use and hand it down one day.',
      '用后擦干，将来可以传给下一代。',
    ),
  },
  steel: {
    name: words('Brushed Steel', '拉丝钢'),
    care: words(
      'The brushed finish hides scratches and needs no polish.',
      '拉丝表面不显划痕，也无需抛光。',
    ),
  },
  copper: {
    name: words('Copper', '紫铜'),
    care: words(
      'Leave it to darken, or rub it bright with half a lemon.',
      '可任其变深，也可用半个柠檬擦亮。',
    ),
  },
  stoneware: {
    name: words('Stoneware', '粗陶'),
    care: words(
      'Every glaze runs a little differently, so no two are alike.',
      '每件釉色流动不同，没有两件一样。',
    ),
  },
  porcelain: {
    name: words('Porcelain', '白瓷'),
    care: words('Thin at the rim, strong in the dishwasher.', '口沿轻薄，也不怕洗碗机。'),
  },
  glass: {
    name: words('Blown Glass', '吹制玻璃'),
    care: words('Small bubbles show that a person made it.', '细小气泡，是手工留下的记号。'),
  },
  linen: {
    name: words('Linen', '亚麻'),
    care: words('It softens with every wash, so wash it often.', '越洗越软，放心常洗。'),
  },
  cotton: {
    name: words('Organic Cotton', '有机棉'),
    care: words('Washes at forty degrees and dries without ironing.', '四十度水洗，晾干不用熨。'),
  },
  wool: {
    name: words('Wool', '羊毛'),
    care: words(
      'Air it overnight instead of washing; wool cleans itself.',
      '通风一夜胜过水洗，羊毛自会洁净。',
    ),
  },
  canvas: {
    name: words('Waxed Canvas', '蜡帆布'),
    care: words(
      'Rub in a little wax each autumn and rain rolls off.',
      '每年秋天补一次蜡，雨水自会滑落。',
    ),
  },
  leather: {
    name: words('Leather', '植鞣革'),
    care: words(
      'Vegetable-tanned leather keeps the marks of your days.',
      '植鞣皮革会记住你的日子。',
    ),
  },
  recycled: {
    name: words('Recycled', '再生料'),
    care: words(
      'Made from bottles that were on their way to the sea.',
      '由本要流向大海的瓶子再生而成。',
    ),
  },
  paper: {
    name: words('Cotton Paper', '棉浆纸'),
    care: words('Ink does not bleed, and the page lies flat.', '墨不洇纸，页页平摊。'),
  },
  brass: {
    name: words('Brass', '黄铜'),
    care: words('Solid brass, turned on a lathe and left unlacquered.', '实心黄铜车制，不上清漆。'),
  },
  herbal: {
    name: words('Herbal', '草本'),
    care: words('Made in small batches with nothing you cannot spell.', '小批制作，成分一目了然。'),
  },
}

/** Middle words of names: where the thing comes from in our imagination. */
export const series: readonly Words[] = [
  words('Linden', '椴影'),
  words('Harbour', '港湾'),
  words('Fern', '蕨语'),
  words('Moonrise', '月升'),
  words('Pebble', '卵石'),
  words('Willow', '垂柳'),
  words('Northwind', '北风'),
  words('Orchard', '果园'),
  words('Heron', '白鹭'),
  words('Cedar', '雪松'),
  words('Rainfall', '听雨'),
  words('Saffron', '藏红'),
  words('Meadow', '青野'),
  words('Tideline', '潮线'),
  words('Lantern', '灯市'),
  words('Sparrow', '山雀'),
]
