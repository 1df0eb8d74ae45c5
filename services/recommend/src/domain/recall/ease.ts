import { SymmetricMatrix } from './inverse.ts'
import { placesOf, type ItemSets } from './interactions.ts'
import { emptyLinearModel, type LinearModel } from './linear-model.ts'

/**
 * EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019) on the items of
 * `head`: B = -P / diag(P) column by column with P = (X'X + lambda I)^-1, and a zero diagonal.
 * O(sum of squared history lengths + head^3).
 */
export function trainEase(sets: ItemSets, head: Uint32Array, lambda: number): LinearModel {
  const size = head.length
  const matrix = new SymmetricMatrix(size)
  const placeOf = placesOf(head, sets.itemCount)
  addGram(sets, placeOf, matrix)
  for (let at = 0; at < size; at++) matrix.add(at, at, lambda)
  matrix.invert()
  const dense = new Float32Array(size * size)
  const { numbers, stride } = matrix
  const scales = Float64Array.from(head, (_, at) => -1 / (numbers[at * stride + at] as number))
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < row; column++) {
      const value = numbers[row * stride + column] as number
      dense[row * size + column] = value * (scales[column] as number)
      dense[column * size + row] = value * (scales[row] as number)
    }
  }
  return { ...emptyLinearModel(sets.itemCount), head, placeOf, dense }
}

/** Adds X'X of the binary user x item matrix, lower triangle, in places of the head. */
function addGram(sets: ItemSets, placeOf: Int32Array, matrix: SymmetricMatrix): void {
  const { start, items } = sets
  const { numbers, stride } = matrix
  const places = new Int32Array(sets.itemCount)
  for (let user = 0; user + 1 < start.length; user++) {
    let count = 0
    for (let at = start[user] as number; at < (start[user + 1] as number); at++) {
      const place = placeOf[items[at] as number] as number
      if (place >= 0) places[count++] = place
    }
    const row = places.subarray(0, count).sort()
    for (let a = 0; a < count; a++) {
      const offset = (row[a] as number) * stride
      for (let b = 0; b <= a; b++) {
        const at = offset + (row[b] as number)
        numbers[at] = (numbers[at] as number) + 1
      }
    }
  }
}
