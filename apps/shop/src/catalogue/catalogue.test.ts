import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeCatalogue, productsPerFormMax, queryCharactersMax } from './catalogue.ts'
import { forms } from './forms.ts'
import { drawnForms, pictureOf } from './picture.ts'
import { price } from './product.ts'
import { categories, materials } from './vocabulary.ts'

const catalogue = makeCatalogue(7)

test('the catalogue has at least 200 products on twelve shelves, each with its own id and names', () => {
  const { products } = catalogue
  assert.equal(products.length, 240)
  assert.equal(new Set(products.map(({ id }) => id)).size, 240)
  assert.equal(new Set(products.map(({ name }) => name.en)).size, 240)
  assert.equal(new Set(products.map(({ name }) => name.zh)).size, 240)
  for (const { id } of categories) assert.equal(catalogue.inCategory(id).length, 20, id)
})

test('the same seed gives the same catalogue and another seed another one', () => {
  assert.deepEqual(makeCatalogue(7).products, catalogue.products)
  assert.notDeepEqual(makeCatalogue(8).products, catalogue.products)
})

test('every product can be believed: two sentences in both languages, a price within its form, tags, stock', () => {
  for (const product of catalogue.products) {
    const form = forms.find(({ id }) => id === product.form)
    assert.ok(form)
    assert.match(product.description.en, /^[A-Z][^.]+\. [A-Z][^.]+\.$/, product.description.en)
    assert.match(product.description.zh, /^[^。]+。[^。]+。$/, product.description.zh)
    assert.ok(
      product.priceFen >= form.yuan[0] * 80 && product.priceFen <= form.yuan[1] * 100,
      product.id,
    )
    assert.ok((form.materials as readonly string[]).includes(product.tags[0] ?? ''))
    assert.ok(product.stock > 0 && Number.isInteger(product.stock))
    assert.equal(catalogue.product(product.id), product)
  }
})

test('the largest catalogue has sixteen of each form and still no name twice', () => {
  for (const perForm of [productsPerFormMax - 1, productsPerFormMax, productsPerFormMax + 1]) {
    const { products } = makeCatalogue(1, perForm)
    assert.equal(products.length, forms.length * Math.min(perForm, productsPerFormMax))
    assert.equal(new Set(products.map(({ name }) => name.en)).size, products.length)
  }
})

test('every form has a drawing and uses materials that exist', () => {
  assert.deepEqual([...drawnForms].sort(), forms.map(({ id }) => id).sort())
  for (const form of forms)
    for (const material of form.materials) assert.ok(material in materials, material)
})

test('a picture is the same for ever, small, and asks for nothing outside itself', () => {
  for (const product of catalogue.products) {
    const picture = pictureOf(product, 'a label')
    assert.equal(picture, pictureOf(product, 'a label'))
    assert.ok(picture.length < 4096, `${product.id}: ${picture.length}`)
    assert.doesNotMatch(
      picture.replace('http://www.w3.org/2000/svg', ''),
      /https?:|<script|href|url\(|style=|undefined|NaN/,
    )
    assert.equal(picture.split('<g').length, picture.split('</g>').length)
  }
})

test('search finds by both languages, every word must match, names come first', () => {
  assert.equal(catalogue.search('teapot', 100).length, 5)
  assert.equal(catalogue.search('茶壶', 100).length, 5)
  assert.equal(
    catalogue.search('TEAPOT  porcelain', 100).every(({ tags }) => tags[0] === 'porcelain'),
    true,
  )
  assert.deepEqual(catalogue.search('teapot spaceship', 100), [])
  assert.deepEqual(catalogue.search('   ', 100), [])
  assert.equal(catalogue.search('a', 7).length, 7)
  const long = 'teapot'.padEnd(queryCharactersMax, ' ')
  for (const tail of ['', 'x', 'xx'])
    assert.equal(
      catalogue.search(long.slice(0, queryCharactersMax - 1) + tail, 9).length,
      tail === '' ? 5 : tail === 'x' ? 0 : 0,
    )
})

test('search takes any text without throwing', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (query) => void catalogue.search(query, 10)))
})

test('a price is written in yuan with two digits', () => {
  assert.equal(price(12_900), '¥129.00')
  assert.equal(price(5), '¥0.05')
})
