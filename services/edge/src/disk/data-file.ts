import type { Disk, DiskFile } from '@spate/journal/disk'

/** One file of bodies: many small ones after another, or one large one. */
export class DataFile {
  readonly number: number
  /** True where it holds one large body only. */
  readonly dedicated: boolean
  /** Bytes it has or is about to have. */
  bytes = 0
  /** True while it is written to: it cannot make room for others. */
  busy = false
  readonly #disk: Disk
  readonly #path: string
  #open: Promise<DiskFile> | undefined
  #users = 0
  #dropped = false

  constructor(disk: Disk, folder: string, number: number, dedicated: boolean) {
    this.#disk = disk
    this.#path = `${folder}/${fileName(number, dedicated)}`
    this.number = number
    this.dedicated = dedicated
  }

  /** Begins to make the file; where that fails, whoever writes to it hears of it. */
  create(): void {
    this.#open = this.#disk.open(this.#path, 'create')
    this.#open.catch(() => {
      // See above: every use awaits the same promise.
    })
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    await this.#using((file) => file.write(bytes, position))
  }

  /** `length` bytes from `position`; fewer where the file ends before. */
  async read(position: number, length: number): Promise<Uint8Array> {
    const target = Buffer.allocUnsafeSlow(length)
    const got = await this.#using((file) => file.read(target, position))
    return target.subarray(0, got)
  }

  /** Keeps the file readable, even after `drop`, until the returned function is called. */
  hold(): () => Promise<void> {
    this.#users++
    let held = true
    return async () => {
      if (!held) return
      held = false
      this.#users--
      await this.#settle()
    }
  }

  /** Removes the file; who holds it may read on. */
  async drop(): Promise<void> {
    if (this.#dropped) return
    this.#dropped = true
    // A name that is gone leaves the bytes to those who have the file open; so open it for them first.
    if (this.#users > 0) await this.#handle()
    await this.#disk.remove(this.#path)
    await this.#settle()
  }

  /** Lets go of the file. */
  async close(): Promise<void> {
    const open = this.#open
    this.#open = undefined
    if (open) await (await open).close()
  }

  async #using<Result>(task: (file: DiskFile) => Promise<Result>): Promise<Result> {
    this.#users++
    try {
      return await task(await this.#handle())
    } finally {
      this.#users--
      await this.#settle()
    }
  }

  #handle(): Promise<DiskFile> {
    if (!this.#open) {
      this.#open = this.#disk.open(this.#path, 'change')
      const opening = this.#open
      opening.catch(() => {
        if (this.#open === opening) this.#open = undefined
      })
    }
    return this.#open
  }

  /** Files of small bodies are few and stay open; large ones are many and do not. */
  async #settle(): Promise<void> {
    if (this.#users === 0 && !this.busy && (this.#dropped || this.dedicated)) await this.close()
  }
}

/** `0000000042.large`: the number orders files by age. */
export function fileName(number: number, dedicated: boolean): string {
  return `${String(number).padStart(10, '0')}.${dedicated ? 'large' : 'small'}`
}

/** Number and kind of a file's name; undefined where the name is no data file's. */
export function parseFileName(
  name: string,
): { readonly number: number; readonly dedicated: boolean } | undefined {
  const form = /^(\d{10})\.(large|small)$/.exec(name)
  return form ? { number: Number(form[1]), dedicated: form[2] === 'large' } : undefined
}
