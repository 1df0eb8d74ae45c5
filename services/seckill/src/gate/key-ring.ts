import { hash } from 'node:crypto'
import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { secretBytes } from '@spate/runtime/chance'
import { errorCode, Fault } from '@spate/runtime/fault'
import { sealKey, type SealKey } from './domain/seal.ts'

const secretLength = 32
const fileName = 'ticket-keys'

/** Where the secrets come from. */
export interface KeyRingOptions {
  /** Folder of the file `ticket-keys` (mode 600), made where it is missing. */
  readonly folder: string
  /** Secret by setting: nothing is read or written then. */
  readonly configured: string | undefined
  /** The secret before it, still good for notes that were signed with it. */
  readonly previous: string | undefined
}

/** The secrets that sign tickets and challenges: the newest, and the one before it. */
export class KeyRing {
  readonly #path: string | undefined
  #secrets: readonly Buffer[]
  #keys: readonly SealKey[]

  private constructor(path: string | undefined, secrets: readonly Buffer[]) {
    this.#path = path
    this.#secrets = secrets
    this.#keys = secrets.map(sealKey)
  }

  /** Reads the secrets, or makes the first one. Rejects with `data_corrupt` where the file is not ours. */
  static async open({ folder, configured, previous }: KeyRingOptions): Promise<KeyRing> {
    if (configured !== undefined) {
      const texts = previous === undefined ? [configured] : [configured, previous]
      return new KeyRing(
        undefined,
        texts.map((text) => hash('sha256', text, 'buffer')),
      )
    }
    const path = join(folder, fileName)
    const kept = await readSecrets(path)
    const ring = new KeyRing(path, kept)
    if (kept.length === 0) {
      await mkdir(folder, { recursive: true })
      await ring.rotate()
    }
    return ring
  }

  /** Signs. */
  get current(): SealKey {
    return this.#keys[0] as SealKey
  }

  /** Verify. */
  get all(): readonly SealKey[] {
    return this.#keys
  }

  /**
   * A new secret signs from now on; the one before it verifies on, older ones no more. Throws
   * `conflict` where the secret comes from a setting.
   */
  async rotate(): Promise<void> {
    if (this.#path === undefined)
      throw new Fault('conflict', 'the secret is a setting: change ticketKey and ticketKeyPrevious')
    const secrets = [secretBytes(secretLength), ...this.#secrets.slice(0, 1)]
    const draft = `${this.#path}.draft`
    const lines = secrets.map((secret) => `${secret.toString('hex')}\n`).join('')
    await writeFile(draft, lines, { mode: 0o600, flush: true })
    await rename(draft, this.#path)
    this.#secrets = secrets
    this.#keys = secrets.map(sealKey)
  }
}

async function readSecrets(path: string): Promise<readonly Buffer[]> {
  let text: string
  try {
    // A copy or a restore may have widened the mode; others on the machine must not read it.
    if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600)
    text = await readFile(path, 'utf8')
  } catch (caught) {
    if (errorCode(caught) === 'ENOENT') return []
    throw caught
  }
  const lines = text.trim().split('\n')
  if (lines.length > 2 || !lines.every((line) => /^[\da-f]{64}$/.test(line)))
    throw new Fault('data_corrupt', `${path} does not hold keys; delete it to have one made`)
  return lines.map((line) => Buffer.from(line, 'hex'))
}
