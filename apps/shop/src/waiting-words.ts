import type { Language } from './catalogue/product.ts'

/** Sentences of the waiting room. */
export interface WaitingPhrases {
  readonly title: string
  readonly join: string
  readonly joinLine: string
  readonly proving: string
  readonly needsScript: string
  readonly drawn: string
  readonly inLine: string
  readonly people: (count: number) => string
  readonly ahead: string
  readonly eta: (minutes: number) => string
  readonly soon: string
  readonly keep: string
  readonly refresh: string
  readonly admitted: string
  readonly admittedLine: string
  readonly buy: string
  readonly soldOut: string
  readonly paused: string
  readonly ended: string
  readonly fair: string
  readonly fairLine: string
}

const words: Readonly<Record<Language, WaitingPhrases>> = {
  zh: {
    title: '候场室',
    join: '进入候场室',
    joinLine: '开抢前进来的人，开抢时一起抽签排位：网快不占便宜。之后来的按先后排在后面。',
    proving: '正在为你准备号码，请稍候几秒……',
    needsScript: '这一场需要浏览器先做一小段计算，请打开 JavaScript。',
    drawn: '你已在候场室。开抢时抽签排位。',
    inLine: '你前面还有',
    people: (count) => `候场人数：${count}`,
    ahead: '人',
    eta: (minutes) => `大约还要 ${minutes} 分钟`,
    soon: '不到一分钟就轮到你',
    keep: '可以关掉页面，位置会为你留着。',
    refresh: '没有 JavaScript 也没关系：本页每 5 秒自动刷新。',
    admitted: '轮到你了！',
    admittedLine: '你的入场券只属于你，只能用一次。',
    buy: '立即抢购',
    soldOut: '这一轮已经抢完。有人没付款时库存会回来，你的位置还在。',
    paused: '秒杀暂停了，你的位置还在。',
    ended: '这场秒杀已经结束。',
    fair: '怎样证明抽签公平？',
    fairLine: '抽签种子的 SHA-256 早已公布，如下。开抢后公布种子，任何人都能重算每个位置。',
  },
  en: {
    title: 'Waiting room',
    join: 'Join the waiting room',
    joinLine:
      'Everybody who is here before the start gets a place by draw, so a faster line wins nothing. Who comes later stands behind them.',
    proving: 'Preparing your number, a few seconds…',
    needsScript: 'This sale asks your browser for a little work first: please allow JavaScript.',
    drawn: 'You are in. Places are drawn at the start.',
    inLine: 'Ahead of you',
    people: (count) => `${count} ${count === 1 ? 'person' : 'people'} in the room`,
    ahead: 'people',
    eta: (minutes) => `about ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}`,
    soon: 'less than a minute',
    keep: 'You may close this page: your place is kept.',
    refresh: 'No JavaScript needed: this page looks again every 5 seconds.',
    admitted: 'It is your turn!',
    admittedLine: 'Your ticket is yours alone, and good for one purchase.',
    buy: 'Get one',
    soldOut: 'This round is gone. Items come back when somebody does not pay; your place is kept.',
    paused: 'The sale is paused. Your place is kept.',
    ended: 'This sale is over.',
    fair: 'How do I know that the draw is fair?',
    fairLine:
      'The SHA-256 of its seed was published beforehand, here. The seed follows once the sale has started: anybody can then make the draw again.',
  },
}

/** The waiting room's sentences in `language`. */
export function waitingPhrases(language: Language): WaitingPhrases {
  return words[language]
}
