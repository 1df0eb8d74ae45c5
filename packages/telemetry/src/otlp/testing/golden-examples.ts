/** Messages in OTLP's JSON form, written by hand from the specification: hex ids, 64-bit numbers as texts. */

const resource = {
  attributes: [{ key: 'service.name', value: { stringValue: 'tide-clock' } }],
}
const scope = { name: 'harbour', version: '2.1' }
const startTimeUnixNano = '1732000000000000000'
const timeUnixNano = '1732000001000000000'
const attributes = [{ key: 'pier', value: { stringValue: 'north' } }]

/** One server span. */
export const traceExample: string = JSON.stringify({
  resourceSpans: [
    {
      resource,
      scopeSpans: [
        {
          scope,
          spans: [
            {
              traceId: '0AF7651916CD43DD8448EB211C80319C',
              spanId: 'B7AD6B7169203331',
              parentSpanId: '00F067AA0BA902B7',
              name: 'ring the bell',
              kind: 2,
              startTimeUnixNano,
              endTimeUnixNano: timeUnixNano,
              attributes,
            },
          ],
        },
      ],
    },
  ],
})

/** A sum, a gauge, a histogram and an exponential histogram, one point each. */
export const metricsExample: string = JSON.stringify({
  resourceMetrics: [
    {
      resource,
      scopeMetrics: [
        {
          scope,
          metrics: [
            {
              name: 'bells',
              unit: '1',
              description: 'rung',
              sum: {
                aggregationTemporality: 2,
                isMonotonic: true,
                dataPoints: [{ asDouble: 5, startTimeUnixNano, timeUnixNano, attributes }],
              },
            },
            {
              name: 'level',
              unit: 'm',
              description: 'of the water',
              gauge: { dataPoints: [{ asDouble: 10.5, timeUnixNano, attributes }] },
            },
            {
              name: 'wave',
              unit: 'm',
              description: 'height',
              histogram: {
                aggregationTemporality: 2,
                dataPoints: [
                  {
                    startTimeUnixNano,
                    timeUnixNano,
                    count: '3',
                    sum: 4,
                    bucketCounts: ['2', '1'],
                    explicitBounds: [1],
                    min: 0.5,
                    max: 2.5,
                    attributes,
                  },
                ],
              },
            },
            {
              name: 'gust',
              unit: 'm/s',
              description: 'speed',
              exponentialHistogram: {
                aggregationTemporality: 2,
                dataPoints: [
                  {
                    startTimeUnixNano,
                    timeUnixNano,
                    count: '4',
                    sum: 12,
                    scale: 3,
                    zeroCount: '1',
                    positive: { offset: 1, bucketCounts: ['1', '2'] },
                    min: 0.25,
                    max: 6,
                    attributes,
                  },
                ],
              },
            },
          ],
        },
      ],
    },
  ],
})

const logRecord = {
  timeUnixNano,
  observedTimeUnixNano: timeUnixNano,
  severityNumber: 13,
  severityText: 'WARN',
  traceId: '0AF7651916CD43DD8448EB211C80319C',
  spanId: 'B7AD6B7169203331',
  body: { stringValue: 'the tide turns' },
  attributes: [
    { key: 'flag', value: { boolValue: true } },
    { key: 'depth', value: { doubleValue: 637.704 } },
    {
      key: 'boats',
      value: { arrayValue: { values: [{ stringValue: 'gull' }, { stringValue: 'tern' }] } },
    },
    {
      key: 'lamp',
      value: { kvlistValue: { values: [{ key: 'colour', value: { stringValue: 'red' } }] } },
    },
  ],
}

const logsOf = (record: object): string =>
  JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: [record] }] }] })

/** A log record with a value of each kind, and an event. */
export const logsExamples: readonly string[] = [
  logsOf(logRecord),
  logsOf({ ...logRecord, eventName: 'harbour.tide.turned' }),
]
