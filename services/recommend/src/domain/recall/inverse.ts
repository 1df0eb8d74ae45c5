import { createKernel, type Kernel } from './kernel.ts'

/** Columns swept at a time: the panels stay in the second-level cache. A multiple of 4. */
const blockSize = 64
/** Columns of a product made at a time. A multiple of 8. */
const stripSize = 1024

/** Place of (row, k) in a panel packed for the kernel: 4 rows side by side, `depth` deep. */
function packed(row: number, k: number, depth: number): number {
  return (row >> 2) * 4 * depth + (row & 3) + k * 4
}

/**
 * A symmetric matrix in a kernel's memory, padded with an identity to a multiple of 4, and room
 * for the two packed panels of a step. Only the lower triangle is kept.
 */
export class SymmetricMatrix {
  readonly size: number
  readonly stride: number
  readonly #kernel: Kernel
  readonly #panelW: number
  readonly #panelU: number
  /** The inverse of the block that is swept, packed, and four rows of its product. */
  readonly #block: number
  readonly #lines: number

  constructor(size: number) {
    this.size = size
    this.stride = Math.ceil(size / 4) * 4
    const { stride } = this
    this.#panelW = stride * stride
    this.#panelU = this.#panelW + stride * blockSize
    this.#block = this.#panelU + stride * blockSize
    this.#lines = this.#block + blockSize * blockSize
    this.#kernel = createKernel(this.#lines + 4 * blockSize)
    for (let at = size; at < stride; at++) this.#kernel.doubles[at * stride + at] = 1
  }

  /** Element (row, column) by its lower-triangle place. */
  get(row: number, column: number): number {
    const at = row >= column ? row * this.stride + column : column * this.stride + row
    return this.#kernel.doubles[at] as number
  }

  /** Adds to element (row, column), row >= column. */
  add(row: number, column: number, by: number): void {
    const at = row * this.stride + column
    this.#kernel.doubles[at] = (this.#kernel.doubles[at] as number) + by
  }

  /** The row-major numbers; above the diagonal they mean nothing. */
  get numbers(): Float64Array {
    return this.#kernel.doubles
  }

  /**
   * Replaces a positive definite matrix by its inverse: the sweep operator (Goodnight, "A Tutorial
   * on the SWEEP Operator", 1979), a block of columns at a time. size^3 flops, nearly all of them
   * in the kernel.
   */
  invert(): void {
    const { stride } = this
    for (let first = 0; first < stride; first += blockSize)
      this.#sweep(first, Math.min(blockSize, stride - first))
    const { doubles } = this.#kernel
    for (let row = 0; row < stride; row++)
      for (let at = row * stride; at <= row * stride + row; at++)
        doubles[at] = -(doubles[at] as number)
  }

  /**
   * This matrix times `factor` (row-major by `stride`), as size x size rows packed tight: a strip of
   * columns at a time, so that the panels stay in the cache. 2 size^3 flops in the kernel, in single
   * precision: the product is one of floats.
   */
  multiplied(factor: Float32Array): Float32Array {
    const { size, stride } = this
    const product = new Float32Array(size * size)
    const panelA = stride * stripSize
    const panelB = panelA + stride * blockSize
    const { floats, update32 } = createKernel(Math.ceil((panelB + stripSize * blockSize) / 2))
    for (let first = 0; first < size; first += stripSize) {
      const width = Math.min(stripSize, stride - first)
      floats.fill(0, 0, panelA)
      for (let from = 0; from < stride; from += blockSize) {
        const depth = Math.min(blockSize, stride - from)
        // The kernel takes A * B' away, so A goes in with its sign turned.
        this.#pack(from, depth, floats, panelA, -1)
        const tiles = Math.ceil(width / 8)
        for (let k = 0; k < depth; k++) {
          const line = (from + k) * stride + first
          for (let column = 0; column < tiles * 8; column++)
            floats[panelB + (column >> 3) * 8 * depth + k * 8 + (column & 7)] =
              column < width ? (factor[line + column] as number) : 0
        }
        for (let row = 0; row < stride; row += 4)
          update32(
            (panelA + row * depth) * 4,
            panelB * 4,
            row * stripSize * 4,
            tiles,
            depth,
            stripSize * 4,
          )
      }
      const wide = Math.min(width, size - first)
      for (let row = 0; row < size; row++)
        product.set(floats.subarray(row * stripSize, row * stripSize + wide), row * size + first)
    }
    return product
  }

  /** Packs columns first .. first + width - 1 of the whole matrix, times `sign`, at `out[start]`. */
  #pack(
    first: number,
    width: number,
    out: Float64Array | Float32Array,
    start: number,
    sign: number,
  ): void {
    const { stride } = this
    const { doubles } = this.#kernel
    for (let k = 0; k < width; k++) {
      const column = first + k
      // Above the diagonal a column is read as the row it mirrors.
      for (let row = 0; row < column; row++)
        out[start + packed(row, k, width)] = sign * (doubles[column * stride + row] as number)
      for (let row = column; row < stride; row++)
        out[start + packed(row, k, width)] = sign * (doubles[row * stride + column] as number)
    }
  }

  /** Sweeps columns first .. first + width - 1. */
  #sweep(first: number, width: number): void {
    const { stride } = this
    const { doubles, update } = this.#kernel
    const inverse = this.#invertBlock(first, width)
    this.#pack(first, width, doubles, this.#panelU, 1)
    for (let row = 0; row < width; row++)
      for (let k = 0; k < width; k++)
        doubles[this.#block + packed(row, k, width)] = -(inverse[row * width + k] as number)
    // W = U * inverse, four rows at a time.
    for (let row = 0; row < stride; row += 4) {
      doubles.fill(0, this.#lines, this.#lines + 4 * width)
      const panel = row * width
      update(
        (this.#panelU + panel) * 8,
        this.#block * 8,
        this.#lines * 8,
        width / 4,
        width,
        width * 8,
      )
      for (let line = 0; line < 4; line++)
        for (let k = 0; k < width; k++)
          doubles[this.#panelW + panel + line + k * 4] = doubles[
            this.#lines + line * width + k
          ] as number
    }
    this.#subtract(first, width)
    this.#writePanel(first, width, inverse)
  }

  /** A -= W * U', lower triangle; the swept rows and columns are written over afterwards. */
  #subtract(first: number, width: number): void {
    const { stride } = this
    for (let row = 0; row < stride; row += 4) {
      if (row >= first && row < first + width) continue
      this.#kernel.update(
        (this.#panelW + row * width) * 8,
        this.#panelU * 8,
        row * stride * 8,
        row / 4 + 1,
        width,
        stride * 8,
      )
    }
  }

  #writePanel(first: number, width: number, inverse: Float64Array): void {
    const { stride } = this
    const { doubles } = this.#kernel
    for (let at = 0; at < stride; at++) {
      const panel = this.#panelW + (at >> 2) * 4 * width + (at & 3)
      const inside = at >= first && at < first + width
      for (let k = 0; k < width; k++) {
        const column = first + k
        const value = inside
          ? -(inverse[(at - first) * width + k] as number)
          : (doubles[panel + k * 4] as number)
        doubles[at >= column ? at * stride + column : column * stride + at] = value
      }
    }
  }

  /** Inverse of the diagonal block, by Gauss and Jordan without pivoting (it is positive definite). */
  #invertBlock(first: number, width: number): Float64Array {
    const block = new Float64Array(width * width)
    for (let row = 0; row < width; row++)
      for (let column = 0; column < width; column++)
        block[row * width + column] = this.get(first + row, first + column)
    for (let pivot = 0; pivot < width; pivot++) {
      const scale = 1 / (block[pivot * width + pivot] as number)
      block[pivot * width + pivot] = 1
      for (let k = 0; k < width; k++)
        block[pivot * width + k] = (block[pivot * width + k] as number) * scale
      for (let row = 0; row < width; row++) {
        if (row === pivot) continue
        const factor = block[row * width + pivot] as number
        block[row * width + pivot] = 0
        for (let k = 0; k < width; k++)
          block[row * width + k] =
            (block[row * width + k] as number) - factor * (block[pivot * width + k] as number)
      }
    }
    return block
  }
}
