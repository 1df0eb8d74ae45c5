import type { Language } from './catalogue/product.ts'

/** Every sentence of the shop's own, in one language. */
export interface Phrases {
  readonly shopName: string
  readonly motto: string
  readonly skip: string
  readonly search: string
  readonly searchHint: string
  readonly searchEmpty: string
  readonly searchNone: (query: string) => string
  readonly searchCount: (count: number, query: string) => string
  readonly shelves: string
  readonly popular: string
  readonly fresh: string
  readonly forYou: string
  readonly forYouLine: string
  readonly forYouEmpty: string
  readonly similar: string
  readonly saleTitle: string
  readonly saleLine: string
  readonly saleNone: string
  readonly saleGo: string
  readonly endsIn: string
  readonly startsIn: string
  readonly ended: string
  readonly left: string
  readonly of: string
  readonly soldOut: string
  readonly buy: string
  readonly buySale: string
  readonly confirm: string
  readonly confirmLine: string
  readonly perUser: (limit: number) => string
  readonly inStock: string
  readonly demoBuy: string
  readonly thanks: string
  readonly thanksLine: string
  readonly orders: string
  readonly ordersNone: string
  readonly order: string
  readonly pay: string
  readonly payLine: string
  readonly cancel: string
  readonly payBefore: string
  readonly statuses: Readonly<Record<string, string>>
  readonly statusLines: Readonly<Record<string, string>>
  readonly refused: string
  readonly refusals: Readonly<Record<string, string>>
  readonly back: string
  readonly notFound: string
  readonly notFoundLine: string
  readonly troubled: string
  readonly troubledLine: string
  readonly otherLanguage: string
  readonly footer: string
  readonly shopper: string
  readonly newShopper: string
  readonly loading: string
  readonly live: string
  readonly quantity: string
  readonly bank: string
  readonly banks: Readonly<Record<string, string>>
  readonly bankNotes: Readonly<Record<string, string>>
}

const zh: Phrases = {
  shopName: '河畔',
  motto: '慢慢挑，好好用',
  skip: '跳到正文',
  search: '搜索',
  searchHint: '茶壶、帆布、礼物……',
  searchEmpty: '想找什么？输入一两个词试试。',
  searchNone: (query) => `没有找到“${query}”。换个更短的词，或逛逛货架。`,
  searchCount: (count, query) => `“${query}”共 ${count} 件`,
  shelves: '货架',
  popular: '大家正在看',
  fresh: '新上架',
  forYou: '为你挑选',
  forYouLine: '根据你看过、买过的东西，每一件都说明理由。',
  forYouEmpty: '推荐暂时没有送到。先逛逛货架，稍后再来。',
  similar: '相近的好物',
  saleTitle: '限时秒杀',
  saleLine: '售完即止，绝不超卖。',
  saleNone: '现在没有进行中的秒杀，过一会儿再来看看。',
  saleGo: '去抢购',
  endsIn: '距结束',
  startsIn: '距开始',
  ended: '已结束',
  left: '剩余',
  of: '共',
  soldOut: '已售罄',
  buy: '立即购买',
  buySale: '立即抢购',
  confirm: '确认抢购',
  confirmLine: '点一次就好，重复点击只算一单。',
  perUser: (limit) => `每人限购 ${limit} 件`,
  inStock: '现货，明日发出',
  demoBuy: '这是演示商店：不会扣款，也不会发货。',
  thanks: '谢谢惠顾！',
  thanksLine: '你的这次购买已经让推荐更懂你。',
  orders: '我的订单',
  ordersNone: '还没有订单。秒杀抢到的东西会出现在这里。',
  order: '订单',
  pay: '支付',
  payLine: '模拟支付，不会真的扣款。',
  cancel: '取消订单',
  payBefore: '请在此时间内支付',
  statuses: {
    reserved: '待支付',
    paid: '已支付',
    cancelled: '已取消',
    expired: '已过期',
    refunded: '已退款',
  },
  statusLines: {
    reserved: '抢到了！库存已为你留好，请尽快支付。',
    paid: '支付完成，正在为你打包。',
    cancelled: '订单已取消，库存已归还。',
    expired: '超过支付时间，库存已归还给其他人。',
    refunded: '款项已原路退回。',
  },
  refused: '没有抢到',
  refusals: {
    sold_out: '库存不足：这一轮已经抢完。有人没付款时，库存会回来。',
    limit_reached: '你已经买到上限了，把机会留给别人吧。',
    duplicate_request: '请勿重复提交：上一次的请求还在处理，稍后在“我的订单”里查看。',
    product_not_found: '商品不存在，或不在秒杀中。',
    not_started: '还没开始，看着倒计时再来。',
    ended: '这场秒杀已经结束。',
    paused: '秒杀暂停了，请稍后再试。',
    rate_limited: '人太多了，歇一秒再试。',
    overloaded: '人太多了，歇一秒再试；你的请求没有被扣库存。',
    store_unavailable: '暂时无法下单，请稍后再试；没有扣库存。',
  },
  back: '返回',
  notFound: '这里什么都没有',
  notFoundLine: '也许链接旧了。可以搜索，或回到首页。',
  troubled: '出了点问题',
  troubledLine: '不是你的错，请稍后再试。',
  otherLanguage: 'English',
  footer: '河畔是 Spate 的演示商店：页面经边缘缓存而来，秒杀与推荐都是真的，只有付款是假的。',
  shopper: '访客',
  newShopper: '换一位新访客',
  loading: '正在为你挑选……',
  live: '实时',
  quantity: '数量',
  bank: '模拟银行：',
  banks: { now: '立即付款', slow: '反应很慢', twice: '重复回调', declined: '拒绝付款' },
  bankNotes: {
    slow: '银行正在处理，几秒后本页会自动刷新。',
    twice: '',
    declined: '银行拒绝了这笔付款。库存仍为你保留，请再试一次。',
  },
}

const en: Phrases = {
  shopName: 'Riverside',
  motto: 'Choose slowly, use for years',
  skip: 'Skip to content',
  search: 'Search',
  searchHint: 'teapot, canvas, a gift…',
  searchEmpty: 'What are you looking for? Try a word or two.',
  searchNone: (query) =>
    `Nothing found for “${query}”. Try a shorter word, or walk along the shelves.`,
  searchCount: (count, query) => `${count} ${count === 1 ? 'thing' : 'things'} for “${query}”`,
  shelves: 'Shelves',
  popular: 'What people look at',
  fresh: 'Just in',
  forYou: 'Picked for you',
  forYouLine: 'From what you looked at and bought, each with its reason.',
  forYouEmpty:
    'Recommendations did not arrive in time. Walk along the shelves, and look again in a moment.',
  similar: 'In the same spirit',
  saleTitle: 'Flash sale',
  saleLine: 'While stocks last. Never oversold.',
  saleNone: 'No sale is running now. Look again in a while.',
  saleGo: 'Go to the sale',
  endsIn: 'Ends in',
  startsIn: 'Starts in',
  ended: 'Ended',
  left: 'left',
  of: 'of',
  soldOut: 'Sold out',
  buy: 'Buy now',
  buySale: 'Get one',
  confirm: 'Confirm',
  confirmLine: 'Once is enough: clicking again does not order twice.',
  perUser: (limit) => `${limit} per person`,
  inStock: 'In stock, leaves tomorrow',
  demoBuy: 'This is a demo shop: nothing is charged and nothing is sent.',
  thanks: 'Thank you!',
  thanksLine: 'What you bought already teaches the recommendations.',
  orders: 'My orders',
  ordersNone: 'No orders yet. What you win in the flash sale shows up here.',
  order: 'Order',
  pay: 'Pay',
  payLine: 'The payment is simulated; nothing is charged.',
  cancel: 'Cancel order',
  payBefore: 'Time left to pay',
  statuses: {
    reserved: 'To be paid',
    paid: 'Paid',
    cancelled: 'Cancelled',
    expired: 'Expired',
    refunded: 'Refunded',
  },
  statusLines: {
    reserved: 'It is yours! One is set aside for you; please pay in time.',
    paid: 'Paid in full. We are wrapping it.',
    cancelled: 'The order is cancelled and the item is back in the sale.',
    expired: 'The time to pay ran out and the item went back to the sale.',
    refunded: 'The money is on its way back to you.',
  },
  refused: 'Not this time',
  refusals: {
    sold_out: 'Sold out: this round is gone. Items come back when somebody does not pay.',
    limit_reached: 'You already have as many as one person may buy.',
    duplicate_request:
      'Your earlier request is still being handled. Look at “My orders” in a moment.',
    product_not_found: 'This is not in the sale.',
    not_started: 'It has not started yet. Keep an eye on the countdown.',
    ended: 'This sale is over.',
    paused: 'The sale is paused. Please try again shortly.',
    rate_limited: 'Very busy. Take a breath and try again.',
    overloaded: 'Very busy. Take a breath and try again; nothing was taken from the stock.',
    store_unavailable:
      'Orders cannot be taken right now. Nothing was taken from the stock; try again shortly.',
  },
  back: 'Back',
  notFound: 'There is nothing here',
  notFoundLine: 'The link may be old. Search, or go back to the front page.',
  troubled: 'Something went wrong',
  troubledLine: 'It was not you. Please try again shortly.',
  otherLanguage: '中文',
  footer:
    'Riverside is the demo shop of Spate: pages come through the edge cache, the flash sale and the recommendations are real, only the payments are not.',
  shopper: 'Shopper',
  newShopper: 'Become a new shopper',
  loading: 'Picking for you…',
  live: 'live',
  quantity: 'Quantity',
  bank: 'The simulated bank',
  banks: {
    now: 'pays at once',
    slow: 'takes its time',
    twice: 'calls back twice',
    declined: 'declines',
  },
  bankNotes: {
    slow: 'The bank is at it; this page looks again in a few seconds.',
    twice: '',
    declined: 'The bank declined. The item is still set aside for you: please try again.',
  },
}

/** The shop's sentences in `language`. */
export function phrases(language: Language): Phrases {
  return language === 'zh' ? zh : en
}
