import { AsyncLocalStorage } from 'node:async_hooks'
import {
  createContextKey,
  ROOT_CONTEXT,
  type Context,
  type ContextManager,
  type Span,
} from '@opentelemetry/api'

/** The key under which @opentelemetry/api keeps a context's span; `Symbol.for`, the same in every copy. */
export const spanKey: symbol = createContextKey('OpenTelemetry Context Key SPAN')

/**
 * A context that adds a span to its parent. The api's own context copies a map and makes three
 * closures for that; this one is a single object.
 */
export class SpanScope implements Context {
  readonly #parent: Context
  readonly #span: Span

  constructor(parent: Context, span: Span) {
    this.#parent = parent
    this.#span = span
  }

  getValue(key: symbol): unknown {
    return key === spanKey ? this.#span : this.#parent.getValue(key)
  }

  setValue(key: symbol, value: unknown): Context {
    return new ValueScope(this, key, value)
  }

  deleteValue(key: symbol): Context {
    return new ValueScope(this, key, undefined)
  }
}

/** A context that adds one value to its parent; `undefined` hides the parent's. */
export class ValueScope implements Context {
  readonly #parent: Context
  readonly #key: symbol
  readonly #value: unknown

  constructor(parent: Context, key: symbol, value: unknown) {
    this.#parent = parent
    this.#key = key
    this.#value = value
  }

  getValue(key: symbol): unknown {
    return key === this.#key ? this.#value : this.#parent.getValue(key)
  }

  setValue(key: symbol, value: unknown): Context {
    return new ValueScope(this, key, value)
  }

  deleteValue(key: symbol): Context {
    return new ValueScope(this, key, undefined)
  }
}

/** The span of `context`; undefined where it has none. */
export function spanOf(context: Context): Span | undefined {
  return context.getValue(spanKey) as Span | undefined
}

const storage = new AsyncLocalStorage<Context>()

/** The context of the running asynchronous work; the empty one outside of any. */
export function activeContext(): Context {
  return storage.getStore() ?? ROOT_CONTEXT
}

/** Runs `task` with `context` active, in all asynchronous work it starts too. */
export function withContext<Result>(context: Context, task: () => Result): Result {
  return storage.run(context, task)
}

/** The api's context manager over the process's one storage. */
export const contextManager: ContextManager = {
  active: activeContext,
  with(context, task, thisArg, ...args) {
    return storage.run(context, () => task.apply(thisArg as never, args))
  },
  bind(context, target) {
    if (typeof target === 'function') {
      const bound = (...args: readonly unknown[]): unknown =>
        storage.run(context, () => target(...args))
      return bound as typeof target
    }
    if (isEmitter(target)) bindEmitter(context, target)
    return target
  },
  enable: () => contextManager,
  disable: () => {
    storage.disable()
    return contextManager
  },
}

type Listener = (...args: readonly unknown[]) => void
interface Emitter {
  on(name: string | symbol, listener: Listener): unknown
  once(name: string | symbol, listener: Listener): unknown
  addListener(name: string | symbol, listener: Listener): unknown
  prependListener(name: string | symbol, listener: Listener): unknown
  prependOnceListener(name: string | symbol, listener: Listener): unknown
  off(name: string | symbol, listener: Listener): unknown
  removeListener(name: string | symbol, listener: Listener): unknown
}

function isEmitter(target: unknown): target is Emitter {
  return (
    typeof target === 'object' && target !== null && 'on' in target && 'removeListener' in target
  )
}

/** Makes listeners added to `emitter` from now on run with `context` active. */
function bindEmitter(context: Context, emitter: Emitter): void {
  const wrapped = new WeakMap<Listener, Listener>()
  const wrap = (listener: Listener): Listener => {
    const known = wrapped.get(listener)
    if (known) return known
    const made: Listener = function made(this: unknown, ...args) {
      storage.run(context, () => listener.apply(this, args as unknown[]))
    }
    wrapped.set(listener, made)
    return made
  }
  const adders = ['on', 'once', 'addListener', 'prependListener', 'prependOnceListener'] as const
  for (const name of adders) {
    const original = emitter[name].bind(emitter)
    emitter[name] = (event, listener) => original(event, wrap(listener))
  }
  for (const name of ['off', 'removeListener'] as const) {
    const original = emitter[name].bind(emitter)
    emitter[name] = (event, listener) => original(event, wrapped.get(listener) ?? listener)
  }
}

/** The key under which the official SDK marks work that must not be traced. */
const suppressKey = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING')

/** `context` in which nothing is traced, by our tracers and by foreign instrumentations. */
export function suppressed(context: Context): Context {
  return context.setValue(suppressKey, true)
}

/** True where nothing is to be traced in `context`. */
export function isSuppressed(context: Context): boolean {
  return context.getValue(suppressKey) === true
}
