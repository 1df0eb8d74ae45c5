import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergedAnswers } from './merged-answers.ts'
import { mergedMetrics } from './merged-metrics.ts'

test('counters and histograms of workers are added up, gauges keep their worker, exemplars go', () => {
  const text = (hits: number, qps: number): string =>
    [
      '# TYPE hits counter',
      '# HELP hits Hits.',
      `hits_total{result="a } b"} ${hits} # {trace_id="x"} 1 2`,
      'hits_created{result="a } b"} 17',
      '# TYPE seconds histogram',
      `seconds_bucket{le="1"} ${hits}`,
      `seconds_count ${hits}`,
      '# TYPE qps gauge',
      `qps ${qps}`,
      '# EOF',
      '',
    ].join('\n')
  assert.deepEqual(mergedMetrics([text(1, 10), text(2, 20)]).split('\n'), [
    '# TYPE hits counter',
    '# HELP hits Hits.',
    'hits_total{result="a } b"} 3',
    'hits_created{result="a } b"} 17',
    '# TYPE seconds histogram',
    'seconds_bucket{le="1"} 3',
    'seconds_count 3',
    '# TYPE qps gauge',
    'qps{worker="0"} 10',
    'qps{worker="1"} 20',
    '# EOF',
    '',
  ])
})

const json = (
  value: unknown,
  status = 200,
): { status: number; headers: string[]; body: string } => ({
  status,
  headers: ['content-type', 'application/json'],
  body: JSON.stringify(value),
})

test('figures are added up, ratios made anew, and a refusal of one worker is the answer', () => {
  const stats = mergedAnswers('/stats', [
    json({ requests: 8, hits: 8, hitRatio: 1, memory: { bytes: 5 }, origins: [{ name: 'a' }] }),
    json({ requests: 2, hits: 0, hitRatio: 0, memory: { bytes: 6 }, origins: [{ name: 'a' }] }),
  ])
  assert.deepEqual(JSON.parse(stats.body), {
    requests: 10,
    hits: 8,
    hitRatio: 0.8,
    memory: { bytes: 11 },
    origins: [{ name: 'a' }, { name: 'a' }],
  })
  const purge = mergedAnswers('/purge', [json({ purged: 2 }), json({ purged: 3 })])
  assert.equal(purge.body, '{"purged":5}')
  assert.equal(mergedAnswers('/purge', [json({ purged: 2 }), json({}, 401)]).status, 401)
  const explain = mergedAnswers('/explain', [json({ variants: [] }), json({ variants: [1] })])
  assert.equal(explain.body, '{"variants":[1]}')
})
