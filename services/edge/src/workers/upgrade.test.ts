import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adminToken } from '@spate/http/admin-token'
import type { Child } from '@spate/runtime/children'
import { silentLog } from '@spate/runtime/log'
import { VirtualClock } from '@spate/runtime/virtual-clock'
import { settingsFor } from '../conformance/subjects.ts'
import type { ToWorker } from './messages.ts'
import { socketsOf, workerVariable, type WorkerPlace } from './place.ts'
import { Post, restartMs } from './post.ts'
import { Telling, waitingMax, type Forgotten } from './telling.ts'
import { replaceAll } from './upgrade.ts'
import { stepMsMax, type CrewParts } from './worker-process.ts'

/** A process that does what it is told at once, unless it is told otherwise. */
class FakeChild implements Child {
  readonly pid = undefined
  readonly exited: Promise<number | undefined>
  readonly place: WorkerPlace
  readonly orders: string[] = []
  stopped: string | undefined
  end: (code?: number) => void = () => {}
  say: (message: object) => void = () => {}

  constructor(env: Readonly<Record<string, string>>, habit: Habit) {
    this.place = JSON.parse(env[workerVariable] ?? '') as WorkerPlace
    this.exited = new Promise((resolve) => (this.end = resolve))
    this.#habit = habit
  }

  readonly #habit: Habit

  onMessage(task: (message: unknown) => void): void {
    this.say = task
    if (this.#habit === 'cannot start') {
      this.say({ failed: 'spate edge: no' })
      this.end(2)
    } else if (this.#habit !== 'hangs') queueMicrotask(() => this.say({ said: 'prepared' }))
  }

  tell(message: object): Promise<void> {
    const told = message as ToWorker
    const { order } = told
    this.orders.push(told.order === 'begin' && told.left ? 'begin with what was left' : order)
    if (order === 'begin' && this.#habit === 'dies when it begins') this.end()
    else if (order === 'begin') this.say({ traffic: 'http://t.test', admin: 'http://a.test' })
    if (order === 'release') this.say({ said: 'released', left: this.place.index === 1 })
    return Promise.resolve()
  }

  stop(how?: 'at once'): void {
    this.stopped = how ?? 'asked'
    this.end()
  }
}

type Habit = 'good' | 'cannot start' | 'hangs' | 'dies when it begins'

interface House {
  readonly posts: readonly Post[]
  readonly children: readonly FakeChild[]
  readonly clock: VirtualClock
  readonly empty: number[]
  readonly replaced: number[]
  /** What the next processes are like; good ones follow. */
  readonly habits: Habit[]
  readonly replace: () => Promise<void>
}

/** Two posts with a worker each. */
async function house(): Promise<House> {
  const children: FakeChild[] = []
  const habits: Habit[] = []
  const empty: number[] = []
  const replaced: number[] = []
  const clock = new VirtualClock()
  const parts: CrewParts = {
    settings: { ...settingsFor('http://o.test', {}), workers: 2 },
    dataDir: '/data',
    adminToken: adminToken('a-token-for-tests-only'),
    clock,
    log: silentLog,
    crewUrl: 'http://crew.test',
    port: 1,
    sockets: [10, 11, 12, 13],
    onChanged: () => {},
    fork: (_, env) => {
      const child = new FakeChild(env, habits.shift() ?? 'good')
      children.push(child)
      return child
    },
  }
  const posts = [0, 1].map((index) => new Post(index, parts, (post) => void empty.push(post.index)))
  for (const post of posts) await post.start()
  const replace = (): Promise<void> =>
    replaceAll(posts, {
      alone: (task) => task(),
      onReplaced: ({ index }) => void replaced.push(index),
    })
  return { posts, children, clock, empty, replaced, habits, replace }
}

test('successors begin when all of them are prepared and every folder is let go of', async () => {
  const { posts, children, replaced, replace } = await house()
  const before = posts.map(({ worker }) => worker)
  await replace()
  assert.deepEqual(replaced, [0, 1])
  assert.deepEqual(
    children.map(({ orders }) => orders.join(' ')),
    ['begin release', 'begin release', 'begin', 'begin with what was left'],
  )
  assert.ok(posts.every(({ worker }, at) => worker && worker !== before[at]))
  assert.equal(children[2]?.place.sockets, 4)
})

test('where one successor cannot start nobody lets go of anything, and the reason is told', async () => {
  const { posts, children, habits, replace } = await house()
  const before = posts.map(({ worker }) => worker)
  habits.push('good', 'cannot start')
  await assert.rejects(replace(), {
    code: 'conflict',
    message: /worker 1 could not start: spate edge: no/,
  })
  assert.deepEqual(
    children.map(({ orders }) => orders.join(' ')),
    ['begin', 'begin', '', ''],
  )
  assert.equal(children[2]?.stopped, 'at once')
  assert.deepEqual(
    posts.map(({ worker }) => worker),
    before,
  )
})

test('a successor that says nothing is given up after its time', async () => {
  const { clock, children, habits, replace } = await house()
  habits.push('hangs')
  const replacing = replace()
  replacing.catch(() => {})
  await clock.advanceAsync(stepMsMax)
  await assert.rejects(replacing, { code: 'conflict', message: /not within/ })
  assert.deepEqual(
    children.map(({ stopped }) => stopped),
    [undefined, undefined, 'at once', 'at once'],
  )
})

test('where one dies as it begins, those that began are asked to end and the folders are taken back', async () => {
  const { posts, children, habits, replaced, replace } = await house()
  const before = posts.map(({ worker }) => worker)
  habits.push('good', 'dies when it begins')
  await assert.rejects(replace(), { message: /worker 1 could not begin: it ended with code none/ })
  assert.equal(children[2]?.stopped, 'asked', 'it may have clients')
  for (const old of children.slice(0, 2))
    assert.deepEqual(old.orders, ['begin', 'release', 'take back'])
  assert.deepEqual(
    posts.map(({ worker }) => worker),
    before,
  )
  assert.deepEqual(replaced, [])
})

test('a worker that dies is replaced after a pause, but not while an upgrade replaces it anyway', async () => {
  const { posts, children, clock, empty, habits, replace } = await house()
  children[0]?.end(1)
  await clock.advanceAsync(restartMs - 1)
  assert.deepEqual([empty, children.length, posts[0]?.worker], [[0], 2, undefined])
  await clock.advanceAsync(1)
  assert.equal(children.length, 3)
  assert.ok(posts[0]?.worker)
  habits.push('hangs')
  const replacing = replace()
  replacing.catch(() => {})
  children[1]?.end(1)
  await clock.advanceAsync(10_000)
  assert.equal(children.length, 5, 'the two successors only')
  await clock.advanceAsync(stepMsMax)
  await assert.rejects(replacing)
  await clock.advanceAsync(0)
  assert.equal(children.length, 6, 'the upgrade failed: the dead one is replaced')
  assert.ok(posts[1]?.worker)
})

test("each worker has its own sockets, all together have all; one socket is everybody's", () => {
  const all = [0, 1, 2].map((index) => socketsOf({ workers: 3, sockets: 8 }, index))
  assert.deepEqual(all, [
    [0, 3, 6],
    [1, 4, 7],
    [2, 5],
  ])
  assert.deepEqual(socketsOf({ workers: 3, sockets: 1 }, 2), [0])
  assert.deepEqual(socketsOf({ workers: 3, sockets: 3 }, 2), [2])
})

test('what comes while a message is under way goes with the next; too much becomes everything', async () => {
  const told: Forgotten[] = []
  let arrived: () => void = () => {}
  const telling = new Telling((what) => {
    told.push(what)
    return new Promise((resolve) => (arrived = resolve))
  })
  const add = (name: string): void => telling.add({ keys: [name], urls: [], all: false })
  for (const name of ['a', 'b', 'b', 'c']) add(name)
  assert.deepEqual(told, [{ keys: ['a'], urls: [], all: false }])
  arrived()
  await new Promise(setImmediate)
  assert.deepEqual(told[1], { keys: ['b', 'c'], urls: [], all: false })
  for (let count = 0; count < waitingMax; count++) add(`n${count}`)
  arrived()
  await new Promise(setImmediate)
  assert.deepEqual([told[2]?.keys.length, told[2]?.all], [waitingMax, false])
  for (let count = 0; count <= waitingMax; count++) add(`n${count}`)
  arrived()
  await new Promise(setImmediate)
  assert.deepEqual(told[3], { keys: [], urls: [], all: true })
})
