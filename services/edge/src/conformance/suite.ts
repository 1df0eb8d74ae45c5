import { spawn } from 'node:child_process'
import { access } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ended, freePort, opened } from './subjects.ts'

/** One test of the suite. */
export interface SuiteTest {
  readonly id: string
  readonly name: string
  readonly kind: 'required' | 'optimal' | 'check'
}

/** A test that was not passed. */
export interface NotPassed extends SuiteTest {
  /** `fail`, `dependency`, `setup`, `harness`, `untested`. */
  readonly verdict: string
  readonly message: string
}

/** What one subject scored. */
export interface Score {
  readonly required: { readonly passed: number; readonly of: number }
  readonly optimal: { readonly passed: number; readonly of: number }
  readonly check: { readonly passed: number; readonly of: number }
  readonly notPassed: readonly NotPassed[]
}

interface RawTest {
  readonly id: string
  readonly name: string
  readonly kind?: SuiteTest['kind']
  readonly browser_only?: boolean
}
interface RawSuite {
  readonly tests: readonly RawTest[]
}
type Results = Readonly<Record<string, unknown>>
type Judge = (suites: readonly RawSuite[], id: string, results: Results) => readonly string[]

/** The suite in `folder`; the npm package `http-cache-tests` where undefined. Its newer layout (a checkout) is read too. */
export class CacheTests {
  readonly #folder: string
  readonly #engine: string

  private constructor(folder: string, engine: string) {
    this.#folder = folder
    this.#engine = engine
  }

  static async open(folder?: string): Promise<CacheTests> {
    const root =
      folder ?? dirname(createRequire(import.meta.url).resolve('http-cache-tests/package.json'))
    try {
      await access(join(root, 'test-engine', 'cli.mjs'))
      return new CacheTests(root, join(root, 'test-engine'))
    } catch {
      return new CacheTests(root, root)
    }
  }

  /** Starts the suite's origin server on a free port. */
  async startOrigin(): Promise<{ readonly url: string; stop(): Promise<void> }> {
    const port = await freePort()
    const child = spawn('node', [join(this.#engine, 'server', 'server.mjs')], {
      stdio: 'ignore',
      env: {
        PATH: searchPath,
        npm_config_port: String(port),
        npm_config_protocol: 'http',
        npm_config_pidfile: '/dev/null',
      },
    })
    await opened(port)
    return { url: `http://127.0.0.1:${port}`, stop: () => ended(child) }
  }

  /** Runs all tests (or `id` alone, with its dump) against `base`; returns what the suite printed. */
  async run(base: string, id = ''): Promise<string> {
    const child = spawn('node', ['--no-warnings', join(this.#engine, 'cli.mjs')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: searchPath,
        npm_config_base: base,
        npm_config_id: id,
        npm_package_config_id: id,
      },
    })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    const { promise, resolve } = Promise.withResolvers<void>()
    child.once('close', () => resolve())
    await promise
    return text
  }

  /** Counts `printed`, honouring the suite's dependencies between tests. */
  async score(printed: string): Promise<Score> {
    const results = JSON.parse(printed.slice(printed.indexOf('{'))) as Results
    const suites = (await this.#load('tests/index.mjs'))['default'] as readonly RawSuite[]
    const module = await this.#judges()
    const judge = module['determineTestResult'] as Judge
    const tallies = { required: [0, 0], optimal: [0, 0], check: [0, 0] }
    const notPassed: NotPassed[] = []
    for (const test of suites.flatMap((suite) => suite.tests)) {
      if (test.browser_only) continue
      const kind = test.kind ?? 'required'
      const tally = tallies[kind] as [number, number]
      tally[1]++
      const symbol = judge(suites, test.id, results)[2] ?? ''
      if (symbol === '✅' || symbol === 'Y') tally[0]++
      else
        notPassed.push({
          id: test.id,
          name: test.name,
          kind,
          ...verdictOf(symbol, results[test.id]),
        })
    }
    const share = ([passed = 0, of = 0]: readonly number[]): { passed: number; of: number } => ({
      passed,
      of,
    })
    return {
      required: share(tallies.required),
      optimal: share(tallies.optimal),
      check: share(tallies.check),
      notPassed,
    }
  }

  async #judges(): Promise<Record<string, unknown>> {
    const file = this.#engine === this.#folder ? 'lib/display.mjs' : 'test-engine/lib/results.mjs'
    return this.#load(file)
  }

  async #load(file: string): Promise<Record<string, unknown>> {
    return (await import(pathToFileURL(join(this.#folder, file)).href)) as Record<string, unknown>
  }
}

const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

function verdictOf(symbol: string, result: unknown): { verdict: string; message: string } {
  const message = Array.isArray(result) ? String(result[1]) : ''
  const verdict =
    {
      '⛔️': 'fail',
      '⚠️': 'fail',
      N: 'no',
      '🔹': 'setup',
      '⁉️': 'harness',
      '⚪️': 'dependency',
      '↻': 'retry',
    }[symbol] ?? 'untested'
  return { verdict, message }
}
