/**
 * The inner loop of all dense linear algebra here: C -= A * B' on tiles of 4 rows, as WebAssembly
 * with 128-bit SIMD and fused multiply-add. Plain loops in JavaScript reach about 1 GFlop/s; this
 * reaches several times that, without a native dependency. The module is written out below
 * instruction by instruction, so there is no binary file to trust.
 *
 * update(a, b, c, tiles, depth, stride): tiles of 4 x 4 doubles. `a` points at one packed panel
 * (depth x 4), `b` at `tiles` packed panels one behind the other, `c` at the first of 4 rows
 * `stride` bytes apart. update32: the same with tiles of 4 x 8 floats and panels of `b` 8 wide.
 */

/** A WebAssembly memory that threads share. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer
}

/** The part of the platform's `WebAssembly` used here; neither our `lib` nor Node's types have it. */
interface WebAssemblyFace {
  readonly Memory: new (options: { initial: number; maximum: number; shared: true }) => SharedMemory
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, SharedMemory>>>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> }
}

const wasm = (globalThis as unknown as { readonly WebAssembly: WebAssemblyFace }).WebAssembly

/** Dense kernels over one shared memory. */
export interface Kernel {
  readonly memory: SharedMemory
  readonly doubles: Float64Array
  /** The same memory as floats. */
  readonly floats: Float32Array
  /** See the head of this file. Addresses and stride in bytes. */
  readonly update: Update
  readonly update32: Update
}

/** C -= A * B'. */
export type Update = (
  ...from: [a: number, b: number, c: number, tiles: number, depth: number, stride: number]
) => void

const pageBytes = 65_536

/** A kernel with room for `doubles` numbers. Throws `RangeError` past WebAssembly's 4 GiB. */
export function createKernel(doubles: number): Kernel {
  const pages = Math.ceil((doubles * 8) / pageBytes) + 1
  const memory = new wasm.Memory({ initial: pages, maximum: pages, shared: true })
  return attachKernel(memory)
}

/** The kernel over a memory that another thread made. */
export function attachKernel(memory: SharedMemory): Kernel {
  const instance = new wasm.Instance(new wasm.Module(moduleBytes()), {
    m: { m: memory },
  })
  return {
    memory,
    doubles: new Float64Array(memory.buffer),
    floats: new Float32Array(memory.buffer),
    update: instance.exports['update'] as Update,
    update32: instance.exports['update32'] as Update,
  }
}

const i32 = 0x7f
const v128 = 0x7b
const local = { a: 0, b: 1, c: 2, tiles: 3, depth: 4, stride: 5, k: 6, pa: 7, pb: 8, row: 9 }
const sums = 13
const left = 21
const right = 22
const splat = 23

const get = (name: number): number[] => [0x20, name]
const set = (name: number): number[] => [0x21, name]
const constant = (value: number): number[] => [0x41, ...signed(value)]
const load = (offset: number): number[] => [0xfd, 0x00, 4, ...unsigned(offset)]
const store = (offset: number): number[] => [0xfd, 0x0b, 4, ...unsigned(offset)]
const i32Add = 0x6a
const i32Sub = 0x6b

/** What differs between numbers of 8 and of 4 bytes. */
interface Width {
  readonly bytes: number
  /** v128.load64_splat or load32_splat, and its alignment. */
  readonly loadSplat: readonly number[]
  /** f64x2.relaxed_nmadd or f32x4.relaxed_nmadd: -(x * y) + z. */
  readonly negativeMultiplyAdd: readonly number[]
}
const wide: Width = {
  bytes: 8,
  loadSplat: [0xfd, 0x0a, 3],
  negativeMultiplyAdd: [0xfd, 0x88, 0x02],
}
const narrow: Width = {
  bytes: 4,
  loadSplat: [0xfd, 0x09, 2],
  negativeMultiplyAdd: [0xfd, 0x86, 0x02],
}

/** Magic and version. */
const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const parameters = [i32, i32, i32, i32, i32, i32]
  return Uint8Array.from([
    ...header,
    ...section(1, [1, 0x60, parameters.length, ...parameters, 0]),
    ...section(2, [1, 1, 0x6d, 1, 0x6d, 0x02, 0x03, 1, ...unsigned(65_536)]),
    ...section(3, [2, 0, 0]),
    ...section(7, [2, ...exported('update', 0), ...exported('update32', 1)]),
    ...section(10, [2, ...body(wide), ...body(narrow)]),
  ])
}

function exported(name: string, index: number): number[] {
  return [...sized([...new TextEncoder().encode(name)]), 0, index]
}

function body(width: Width): number[] {
  return sized([2, 7, i32, 11, v128, ...tileLoop(width), 0x0b])
}

function tileLoop(width: Width): number[] {
  const rowPointers = [0, 1, 2].flatMap((row) => [
    ...get(row === 0 ? local.c : local.row + row - 1),
    ...get(local.stride),
    i32Add,
    ...set(local.row + row),
  ])
  const rowOf = (row: number): number => (row === 0 ? local.c : local.row + row - 1)
  const tile = (use: (row: number, half: number) => number[]): number[] =>
    [0, 1, 2, 3].flatMap((row) => [0, 1].flatMap((half) => use(row, half)))
  return [
    0x03,
    0x40,
    ...rowPointers,
    ...tile((row, half) => [...get(rowOf(row)), ...load(half * 16), ...set(sums + row * 2 + half)]),
    ...get(local.a),
    ...set(local.pa),
    ...get(local.b),
    ...set(local.pb),
    ...get(local.depth),
    ...set(local.k),
    ...depthLoop(width),
    ...tile((row, half) => [
      ...get(rowOf(row)),
      ...get(sums + row * 2 + half),
      ...store(half * 16),
    ]),
    ...get(local.c),
    ...constant(32),
    i32Add,
    ...set(local.c),
    ...get(local.pb),
    ...set(local.b),
    ...countDown(local.tiles),
    0x0b,
  ]
}

function depthLoop({ bytes, loadSplat, negativeMultiplyAdd }: Width): number[] {
  const advance = (name: number, by: number): number[] => [
    ...get(name),
    ...constant(by),
    i32Add,
    ...set(name),
  ]
  return [
    0x03,
    0x40,
    ...get(local.pb),
    ...load(0),
    ...set(left),
    ...get(local.pb),
    ...load(16),
    ...set(right),
    ...[0, 1, 2, 3].flatMap((row) => [
      ...get(local.pa),
      ...loadSplat,
      ...unsigned(row * bytes),
      ...set(splat),
      ...[left, right].flatMap((half, at) => [
        ...get(splat),
        ...get(half),
        ...get(sums + row * 2 + at),
        ...negativeMultiplyAdd,
        ...set(sums + row * 2 + at),
      ]),
    ]),
    ...advance(local.pa, 4 * bytes),
    ...advance(local.pb, 32),
    ...countDown(local.k),
    0x0b,
  ]
}

/** Takes 1 from a counter and goes round the loop again unless it is 0. */
function countDown(name: number): number[] {
  return [...get(name), ...constant(1), i32Sub, 0x22, name, 0x0d, 0]
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...sized(content)]
}

function sized(content: readonly number[]): number[] {
  return [...unsigned(content.length), ...content]
}

/** LEB128, unsigned. */
function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  do {
    const low = rest & 0x7f
    rest >>>= 7
    bytes.push(rest === 0 ? low : low | 0x80)
  } while (rest !== 0)
  return bytes
}

/** LEB128, signed, for small positive numbers. */
function signed(value: number): number[] {
  return value < 64 ? [value] : [(value & 0x7f) | 0x80, value >> 7]
}
