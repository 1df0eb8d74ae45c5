import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/** Root of the checkout. */
export const root: string = normalize(join(import.meta.dirname, '..'))

/** One TypeScript file of ours. */
export interface Source {
  /** Path from the root, with `/`. */
  readonly path: string
  readonly text: string
  /** The text with comments and string contents blanked, same length and lines. */
  readonly code: string
  /** What it imports, as written. */
  readonly imports: readonly string[]
}

/** A workspace: where it is and what its package.json says. */
export interface Room {
  readonly name: string
  readonly path: string
  readonly manifest: {
    readonly name: string
    readonly version: string
    readonly description?: string
    readonly license?: string
    readonly private?: boolean
    readonly exports?: Readonly<Record<string, string>>
    readonly bin?: Readonly<Record<string, string>>
    readonly dependencies?: Readonly<Record<string, string>>
    readonly devDependencies?: Readonly<Record<string, string>>
    readonly peerDependencies?: Readonly<Record<string, string>>
    readonly optionalDependencies?: Readonly<Record<string, string>>
  }
}

/** Paths of files git knows or would take, from the root. */
export function repositoryFiles(): readonly string[] {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  const gone = execFileSync('git', ['ls-files', '-d', '-z'], { cwd: root, encoding: 'utf8' })
  const missing = new Set(gone.split('\0'))
  return [...new Set(listed.split('\0'))].filter((path) => path !== '' && !missing.has(path)).sort()
}

/** Every TypeScript file of ours. */
export function sources(): readonly Source[] {
  return repositoryFiles()
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8')
      const code = withoutComments(text)
      return { path, text, code: withoutStrings(code), imports: importsOf(code) }
    })
}

/** Every workspace. */
export function rooms(): readonly Room[] {
  return repositoryFiles()
    .filter((path) => /^(packages|services|apps)\/[^/]+\/package\.json$/.test(path))
    .map((path) => {
      const manifest = JSON.parse(readFileSync(join(root, path), 'utf8')) as Room['manifest']
      const place = dirname(path)
      return { name: place.split('/')[1] ?? '', path: place, manifest }
    })
}

function importsOf(code: string): readonly string[] {
  const found: string[] = []
  const forms =
    /(?:^|\n)\s*(?:import|export)\b(?:[^'"`;]*?\bfrom)?\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g
  for (const match of code.matchAll(forms)) found.push(match[1] ?? match[2] ?? '')
  return found
}

const blank = (text: string): string => text.replaceAll(/[^\n]/g, ' ')

/** Comments blanked; strings and templates left as they are. */
function withoutComments(text: string): string {
  const tokens =
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`|(?<=[=(,:;!&|?{}\n]\s*)\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[dgimsuvy]*/g
  return text.replaceAll(tokens, (token) =>
    token.startsWith('/*') || token.startsWith('//') ? blank(token) : token,
  )
}

/** Contents of quoted strings blanked. */
function withoutStrings(code: string): string {
  return code.replaceAll(
    /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g,
    (token) => `'${blank(token.slice(1, -1))}'`,
  )
}
