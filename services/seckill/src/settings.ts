import { listenSettings, type ListenSettings } from '@spate/http/settings'
import { duration, integer, text, toggle, url, type TableOf } from '@spate/runtime/settings'
import { gateSettings, type GateSettings } from './gate/settings.ts'

/** Settings of the flash-sale engine. */
export interface SeckillSettings extends ListenSettings, GateSettings {
  readonly grpcPort: number
  readonly orderWatchersMax: number
  readonly paymentSecret: string | undefined
  readonly paymentWebhookAge: number
  readonly paymentUrl: string | undefined
  readonly paymentsSigned: boolean
  readonly paymentGrace: number
  readonly pendingPaymentsMax: number
  readonly ordersMax: number
  readonly usersMax: number
  readonly campaignsMax: number
  readonly refusedKeysMax: number
  readonly expireEvery: number
  readonly orderBatchEvery: number
  readonly orderBatchMax: number
  readonly deadLettersMax: number
  readonly auditEvery: number
}

/** Every setting of the flash-sale engine. */
export const seckillSettings: TableOf<SeckillSettings> = {
  ...listenSettings(8081),
  ...gateSettings,
  grpcPort: integer(9081, 0, 65_535, 'Port of the gRPC listener; 0 takes any free one'),
  orderWatchersMax: integer(
    20_000,
    1,
    1_000_000,
    'Calls that wait for an order and streams that follow one, at once; more are overloaded',
  ),
  paymentSecret: text(
    undefined,
    'Key of the payment webhook and of calls to the provider (whsec_...); made from the admin token where unset',
    {
      secret: true,
      pattern: /^[\w.~+/=-]{16,256}$/,
      expected: '16 to 256 letters, digits and . _ ~ + / = -',
    },
  ),
  paymentWebhookAge: duration(
    300_000,
    1000,
    3_600_000,
    'How far the moment of a payment webhook may be from ours',
  ),
  paymentUrl: url(
    undefined,
    'Where the payment provider answers (GET /payments/{paymentId}, POST /refunds); nobody is asked where unset',
  ),
  paymentsSigned: toggle(
    false,
    'Believe only the signed webhook that an order was paid; the plain pay call needs the admin token then',
  ),
  paymentGrace: duration(
    60_000,
    0,
    3_600_000,
    'How long past its deadline a reservation is kept while its payment is under way',
  ),
  pendingPaymentsMax: integer(
    100_000,
    0,
    10_000_000,
    'Payments under way that are remembered; reservations of others end at their deadline',
  ),
  ordersMax: integer(
    20_000_000,
    1000,
    200_000_000,
    'Orders held in memory, about 60 to 250 bytes each; more are refused as overloaded',
    { unit: 'orders' },
  ),
  usersMax: integer(20_000_000, 1000, 200_000_000, 'Buyers held in memory', { unit: 'buyers' }),
  campaignsMax: integer(10_000, 1, 100_000, 'Campaigns held, closed ones among them'),
  refusedKeysMax: integer(
    1_000_000,
    0,
    100_000_000,
    'Refusals remembered for their idempotency key; past it they are given but not remembered',
  ),
  expireEvery: duration(
    200,
    10,
    10_000,
    'How often reservations are looked through for those not paid in time',
  ),
  orderBatchEvery: duration(
    50,
    1,
    10_000,
    'Longest time an order waits before it is written to the order store',
  ),
  orderBatchMax: integer(5000, 1, 50_000, 'Most events written to the order store at once'),
  deadLettersMax: integer(
    10_000,
    1,
    10_000_000,
    'Open dead letters held; past it the order store stands still rather than drop one',
  ),
  auditEvery: duration(2000, 100, 3_600_000, 'How often ledger, order store and log are compared'),
}
