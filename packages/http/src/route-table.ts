import assert from 'node:assert/strict'

/** What a table needs of a route. */
export interface Patterned {
  readonly method: string
  /** Pattern: see `Route.path`. */
  readonly path: string
}

/** The routes of one path, by method. */
export type Methods<Route> = ReadonlyMap<string, Route>

/** A path that matched. */
export interface RouteMatch<Route> {
  readonly methods: Methods<Route>
  /** Decoded values; undefined where the pattern has no parameters. */
  readonly params: Readonly<Record<string, string>> | undefined
}

interface Node<Route> {
  readonly exact: Map<string, Node<Route>>
  /** `{name}`: any one segment. */
  any: Node<Route> | undefined
  /** `{name...}`: all that is left. */
  rest: Leaf<Route> | undefined
  leaf: Leaf<Route> | undefined
}

interface Leaf<Route> {
  readonly pattern: string
  readonly names: readonly string[]
  readonly methods: Map<string, Route>
}

function node<Route>(): Node<Route> {
  return { exact: new Map(), any: undefined, rest: undefined, leaf: undefined }
}

/** Patterns as a tree of segments, and those without parameters as a map besides. */
export class RouteTable<Route extends Patterned> {
  readonly #root: Node<Route> = node()
  readonly #plain = new Map<string, Map<string, Route>>()

  /** Refuses patterns that are malformed or given twice: that is a bug, so it asserts. */
  constructor(routes: readonly Route[]) {
    for (const route of routes) this.#add(route)
  }

  /** Routes whose pattern is `path`, byte for byte. O(1). */
  exact(path: string): Methods<Route> | undefined {
    return this.#plain.get(path)
  }

  /** Value of `Allow` for the whole server. */
  methods(): string {
    const names = new Set(['HEAD', 'OPTIONS'])
    const visit = (at: Node<Route>): void => {
      for (const leaf of [at.leaf, at.rest])
        for (const method of leaf?.methods.keys() ?? []) names.add(method)
      for (const child of at.exact.values()) visit(child)
      if (at.any) visit(at.any)
    }
    visit(this.#root)
    return [...names].sort().join(', ')
  }

  /** The pattern for `path`; `malformed` where its percent-encoding is. O(segments), 2^params at worst. */
  match(path: string): RouteMatch<Route> | 'malformed' | undefined {
    const plain = this.#plain.get(path)
    if (plain) return { methods: plain, params: undefined }
    const segments = path.slice(1).split('/')
    if (path.includes('%')) {
      for (let at = 0; at < segments.length; at++) {
        const decoded = decodeSegment(segments[at] as string)
        if (decoded === undefined) return 'malformed'
        segments[at] = decoded
      }
    }
    return walk(this.#root, segments, 0, [])
  }

  #add(route: Route): void {
    assert(route.path.startsWith('/'), `a pattern begins with /: ${route.path}`)
    const names: string[] = []
    let at = this.#root
    let rest = false
    for (const segment of route.path.slice(1).split('/')) {
      assert(!rest, `{name...} must come last: ${route.path}`)
      const name = /^\{(\w+)(\.\.\.)?\}$/.exec(segment)
      assert(name || !/[{}%]/.test(segment), `a segment is text or {name}: ${route.path}`)
      if (!name) {
        let next = at.exact.get(segment)
        if (!next) at.exact.set(segment, (next = node()))
        at = next
        continue
      }
      assert(!names.includes(name[1] as string), `a name is given twice: ${route.path}`)
      names.push(name[1] as string)
      rest = name[2] !== undefined
      if (!rest) at = at.any ??= node()
    }
    const held = rest ? at.rest : at.leaf
    const leaf = held ?? { pattern: route.path, names, methods: new Map<string, Route>() }
    assert(leaf.pattern === route.path, `${route.path} and ${leaf.pattern} match the same paths`)
    assert(!leaf.methods.has(route.method), `${route.method} ${route.path} is given twice`)
    leaf.methods.set(route.method, route)
    if (rest) at.rest = leaf
    else at.leaf = leaf
    if (names.length === 0) this.#plain.set(route.path, leaf.methods)
  }
}

function walk<Route>(
  at: Node<Route>,
  segments: readonly string[],
  depth: number,
  values: readonly string[],
): RouteMatch<Route> | undefined {
  const segment = segments[depth]
  if (segment === undefined) return at.leaf && found(at.leaf, values)
  const next = at.exact.get(segment)
  const exact = next && walk(next, segments, depth + 1, values)
  if (exact) return exact
  if (at.any && segment !== '') {
    const any = walk(at.any, segments, depth + 1, [...values, segment])
    if (any) return any
  }
  const left = at.rest && segments.slice(depth).join('/')
  return at.rest && left !== '' ? found(at.rest, [...values, left as string]) : undefined
}

function found<Route>(leaf: Leaf<Route>, values: readonly string[]): RouteMatch<Route> {
  if (leaf.names.length === 0) return { methods: leaf.methods, params: undefined }
  const params: Record<string, string> = {}
  leaf.names.forEach((name, at) => (params[name] = values[at] as string))
  return { methods: leaf.methods, params }
}

/** Undefined for bad percent-encoding, and for control characters: no id of ours has them. */
function decodeSegment(segment: string): string | undefined {
  if (!segment.includes('%')) return segment
  try {
    const text = decodeURIComponent(segment)
    // oxlint-disable-next-line no-control-regex
    return /[\u0000-\u001f\u007f]/.test(text) ? undefined : text
  } catch {
    return undefined
  }
}
