import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { escaped, html, Html } from './html.ts'

test('whatever text is put into a template, no tag, attribute or entity can begin in it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const out = html`<p title="${text}">${text}</p>`.text
      const inside = out.slice('<p title="'.length, -'</p>'.length)
      assert.equal(inside.split('">').length, 2)
      assert.doesNotMatch(inside.replace('">', ''), /[<>"']/)
      assert.doesNotMatch(inside, /&(?!(amp|lt|gt|quot|#39);)/)
    }),
  )
})

test('escaping can be undone, so nothing is lost', () => {
  const back: Record<string, string> = {
    '&amp;': '&',
    '&lt;': '<',
    '&gt;': '>',
    '&quot;': '"',
    '&#39;': "'",
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.equal(
        escaped(text).replaceAll(/&(amp|lt|gt|quot|#39);/g, (entity) => back[entity] ?? ''),
        text,
      )
    }),
  )
})

test('markup goes in as it is, lists are joined, nothing is written for absent values', () => {
  const inner = html`<b>${'<'}</b>`
  assert.equal(
    html`${inner}${[inner, ' & ']}${undefined}${null}${false}${true}${0}`.text,
    '<b>&lt;</b><b>&lt;</b> &amp; 0',
  )
  assert.ok(inner instanceof Html)
})

test('indentation of our source is not sent, text given by others is not touched', () => {
  // Under another name, so that the formatter leaves the template alone.
  const tag = html
  assert.equal(
    tag`<p>
      ${'a\n   b'}
    </p>`.text,
    '<p>\na\n   b\n</p>',
  )
})
