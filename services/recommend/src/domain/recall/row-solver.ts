import { createKernel, type Kernel } from './kernel.ts'

/** Weights of a factorisation. */
export interface RowSolverOptions {
  readonly factors: number
  /** Weight of what was not chosen, against 1 for what was. */
  readonly unseen: number
  readonly lambda: number
}

/** Rows of vectors that are added up at a time. */
const depthMax = 64

/**
 * Solves one row's regularised least squares at a time: (G + V'WV + ridge) x = V'w, in a kernel's
 * memory of its own. `factors` is padded with an identity to a multiple of 4. O(rows x factors^2 +
 * factors^3), nearly all of it in the kernel.
 */
export class RowSolver {
  readonly #options: RowSolverOptions
  /** Factors, padded. The matrix is `width` x `width`, row by row, its lower triangle in use. */
  readonly #width: number
  readonly #kernel: Kernel
  /** Where the two packed panels of a step lie, in doubles. */
  readonly #panelA: number
  readonly #panelB: number
  readonly #right: Float64Array

  constructor(options: RowSolverOptions) {
    this.#options = options
    this.#width = Math.ceil(options.factors / 4) * 4
    this.#panelA = this.#width * this.#width
    this.#panelB = this.#panelA + this.#width * depthMax
    this.#kernel = createKernel(this.#panelB + this.#width * depthMax)
    this.#right = new Float64Array(this.#width)
  }

  /** unseen * V'V of the rows of `vectors`: width x width, row by row. */
  gramOf(vectors: Float32Array): Float64Array {
    const { factors, unseen } = this.#options
    const { doubles } = this.#kernel
    doubles.fill(0, 0, this.#panelA)
    const rows = Uint32Array.from({ length: vectors.length / factors }, (_, row) => row)
    this.#add(vectors, rows, { from: 0, to: rows.length, weights: undefined, scale: unseen })
    return doubles.slice(0, this.#panelA)
  }

  /**
   * The vector of somebody who chose `rows[from..to)` of `vectors`, each `weights` (1) as sure as one
   * of the training; in room that the next call uses again. `gram`: of `vectors`; `others`: their number.
   */
  solve(
    gram: Float64Array,
    vectors: Float32Array,
    rows: ArrayLike<number>,
    chosen: {
      readonly from: number
      readonly to: number
      readonly weights?: ArrayLike<number>
      readonly others: number
    },
  ): Float64Array {
    const { factors, unseen, lambda } = this.#options
    const { from, to, weights, others } = chosen
    const { doubles } = this.#kernel
    doubles.set(gram)
    this.#right.fill(0)
    this.#add(vectors, rows, { from, to, weights, scale: 1 })
    const width = this.#width
    const ridge = lambda * (to - from + unseen * others)
    for (let row = 0; row < width; row++) {
      const at = row * (width + 1)
      doubles[at] = row < factors ? (doubles[at] as number) + ridge : 1
    }
    this.#factorise()
    this.#substitute()
    return this.#right
  }

  /** Adds scale * weights * v v' to the lower triangle, and weights * v to the right side. */
  #add(
    vectors: Float32Array,
    rows: ArrayLike<number>,
    part: {
      readonly from: number
      readonly to: number
      readonly weights: ArrayLike<number> | undefined
      readonly scale: number
    },
  ): void {
    const { factors } = this.#options
    const { doubles, update } = this.#kernel
    const width = this.#width
    const right = this.#right
    const { from, to, weights, scale } = part
    for (let first = from; first < to; first += depthMax) {
      const depth = Math.min(depthMax, to - first)
      for (let k = 0; k < depth; k++) {
        const start = (rows[first + k] as number) * factors
        const weight = weights ? (weights[first + k] as number) : 1
        for (let factor = 0; factor < width; factor++) {
          const value = factor < factors ? (vectors[start + factor] as number) : 0
          const at = (factor >> 2) * 4 * depth + (factor & 3) + k * 4
          // The kernel takes A * B' away, so A goes in with its sign turned.
          doubles[this.#panelA + at] = -scale * weight * value
          doubles[this.#panelB + at] = value
          right[factor] = (right[factor] as number) + weight * value
        }
      }
      for (let row = 0; row < width; row += 4)
        update(
          (this.#panelA + row * depth) * 8,
          this.#panelB * 8,
          row * width * 8,
          row / 4 + 1,
          depth,
          width * 8,
        )
    }
  }

  /** Cholesky in place, four columns at a time; what is below them is brought up to date by the kernel. */
  #factorise(): void {
    const { doubles: matrix, update } = this.#kernel
    const width = this.#width
    for (let first = 0; first < width; first += 4) {
      for (let row = first; row < width; row++) {
        const start = row * width
        const until = Math.min(row, first + 3)
        for (let column = first; column <= until; column++) {
          const other = column * width
          let sum = matrix[start + column] as number
          for (let k = first; k < column; k++)
            sum -= (matrix[start + k] as number) * (matrix[other + k] as number)
          const value =
            column === row
              ? Math.sqrt(Math.max(sum, 1e-12))
              : sum / (matrix[other + column] as number)
          matrix[start + column] = value
        }
        const below = row - first - 4
        if (below < 0) continue
        const panel = this.#panelA + (below >> 2) * 16 + (below & 3)
        for (let k = 0; k < 4; k++) matrix[panel + k * 4] = matrix[start + first + k] as number
      }
      for (let row = first + 4, tiles = 1; row < width; row += 4, tiles++)
        update(
          (this.#panelA + (tiles - 1) * 16) * 8,
          this.#panelA * 8,
          (row * width + first + 4) * 8,
          tiles,
          4,
          width * 8,
        )
    }
  }

  /** L y = right, then L' x = y, in place. */
  #substitute(): void {
    const { doubles: matrix } = this.#kernel
    const width = this.#width
    const x = this.#right
    for (let column = 0; column < width; column++) {
      const value = (x[column] as number) / (matrix[column * (width + 1)] as number)
      x[column] = value
      for (let row = column + 1; row < width; row++)
        x[row] = (x[row] as number) - value * (matrix[row * width + column] as number)
    }
    for (let row = width - 1; row >= 0; row--) {
      const start = row * width
      const value = (x[row] as number) / (matrix[start + row] as number)
      x[row] = value
      for (let k = 0; k < row; k++) x[k] = (x[k] as number) - value * (matrix[start + k] as number)
    }
  }
}
