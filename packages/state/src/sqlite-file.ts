/**
 * Opening a SQLite file. The file is checked first; one that is damaged is copied as it is, and then
 * refused, or, where the owner can make its content again, mended or replaced by an empty one.
 */
import { copyFileSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { Fault, type FaultCode } from '@spate/runtime/fault'

import type { WorkerFault, WorkerOptions } from './sqlite-messages.ts'

/** A database that is sound, and what had to be done to make it so; undefined where nothing. */
export interface OpenedFile {
  readonly database: DatabaseSync
  readonly notice: string | undefined
}

/** Opens `options.file`; throws `data_corrupt` with the place of the copy. */
export function openFile(options: WorkerOptions): OpenedFile {
  const { file, onDamage } = options
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const damage = findDamage(options)
  if (damage === undefined) return { database: connect(options), notice: undefined }
  const copy = keepCopy(file)
  if (onDamage === 'refuse')
    throw new Fault(
      'data_corrupt',
      `${file} is damaged (${damage}); nothing was changed, a copy is at ${copy}; restore the file or remove it`,
    )
  if (mended(options))
    return {
      database: connect(options),
      notice: `${file} had damaged indexes (${damage}) and was mended; the file as it was is at ${copy}`,
    }
  for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true })
  return {
    database: connect(options),
    notice: `${file} was damaged (${damage}) and begins empty; the file as it was is at ${copy}`,
  }
}

function connect(options: WorkerOptions): DatabaseSync {
  const database = new DatabaseSync(options.file, { timeout: 5000 })
  try {
    database.exec('PRAGMA journal_mode = WAL')
    database.exec(`PRAGMA synchronous = ${options.synchronous === 'full' ? 'FULL' : 'NORMAL'}`)
    database.exec('PRAGMA foreign_keys = ON')
    return database
  } catch (caught) {
    database.close()
    throw caught
  }
}

/** The first thing wrong with the file; undefined where it is sound. O(file). */
function findDamage(options: WorkerOptions): string | undefined {
  if (!existsSync(options.file)) return undefined
  let database: DatabaseSync | undefined
  try {
    database = connect(options)
    const row = database.prepare('PRAGMA integrity_check(1)').get()
    const verdict = String(row?.['integrity_check'] ?? 'no answer')
    return verdict === 'ok' ? undefined : verdict.replaceAll('\n', ' ')
  } catch (caught) {
    if (sqliteFault(caught).code !== 'data_corrupt') throw caught
    return caught instanceof Error ? caught.message : 'not a database'
  } finally {
    database?.close()
  }
}

function mended(options: WorkerOptions): boolean {
  try {
    const database = connect(options)
    try {
      database.exec('REINDEX')
    } finally {
      database.close()
    }
    return findDamage(options) === undefined
  } catch {
    // Too damaged to mend: the caller begins anew, and the copy is kept.
    return false
  }
}

/** Copies the file beside itself; the same damage is copied once, however often it is met. */
function keepCopy(file: string): string {
  const { size, mtimeMs } = statSync(file)
  const copy = `${file}.damaged-${size}-${Math.floor(mtimeMs)}`
  if (!existsSync(copy)) copyFileSync(file, copy)
  if (existsSync(`${file}-wal`) && !existsSync(`${copy}-wal`))
    copyFileSync(`${file}-wal`, `${copy}-wal`)
  return copy
}

const codes: Readonly<Record<number, FaultCode>> = {
  5: 'store_unavailable',
  6: 'store_unavailable',
  10: 'disk_failed',
  11: 'data_corrupt',
  13: 'disk_full',
  14: 'disk_failed',
  19: 'conflict',
  26: 'data_corrupt',
}

/** Anything the database threw, as it crosses the thread. The statement's text stays in `detail`. */
export function sqliteFault(caught: unknown): WorkerFault {
  if (caught instanceof Fault) return { code: caught.code, message: caught.message, detail: '' }
  const detail = caught instanceof Error ? caught.message : String(caught)
  const number =
    typeof caught === 'object' && caught !== null && 'errcode' in caught
      ? Number(caught.errcode) & 0xff
      : -1
  const code = codes[number] ?? 'internal'
  const message = code === 'internal' ? 'a statement failed' : new Fault(code).message
  return { code, message, detail }
}
