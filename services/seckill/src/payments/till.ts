import { createHmac } from 'node:crypto'
import { createClient, type Client } from '@spate/http/client'
import type { Lifecycle } from '@spate/runtime/lifecycle'
import type { EmbeddedLedger } from '../ledger/embedded-ledger.ts'
import type { SeckillOptions } from '../options.ts'
import type { OrderStore } from '../orders/order-store.ts'
import { Cashier } from './cashier.ts'
import type { DeadLetters } from '../orders/dead-letters.ts'
import { HttpProvider, type PaymentProvider } from './payment-provider.ts'
import type { PendingPayments } from './pending-payments.ts'
import { refundFollower } from './refunds.ts'
import { WebhookKey } from './webhook-key.ts'

/** All that has to do with money. */
export interface Till {
  readonly key: WebhookKey
  readonly cashier: Cashier
  /** Absent where no provider can be asked. */
  readonly provider: PaymentProvider | undefined
}

const stepBytes = 64 * 1024

/** Makes the till and adds what it runs to `lifecycle`: questions to the provider, and refunds. */
export function openTill(
  lifecycle: Lifecycle,
  options: SeckillOptions,
  books: {
    readonly ledger: EmbeddedLedger
    readonly store: OrderStore
    readonly letters: DeadLetters
  },
  pending: PendingPayments,
): Till {
  const { settings, clock, log, telemetry } = options
  const { ledger, store, letters } = books
  const secret = settings.paymentSecret ?? derivedSecret(options.adminToken.value)
  const key = new WebhookKey({ secret, ageMsMax: settings.paymentWebhookAge })
  const { paymentUrl } = settings
  const url = paymentUrl === undefined ? options.paymentUrl : () => paymentUrl
  let client: Client | undefined
  let provider: HttpProvider | undefined
  if (url) {
    client = createClient({ clock, telemetry })
    provider = new HttpProvider({ client, url, key, now: () => ledger.now() })
    const pace = { clock, log, everyMs: settings.orderBatchEvery, bytesMax: stepBytes, letters }
    const refunds = refundFollower(provider, store, ledger, pace)
    const stop = async (signal?: AbortSignal): Promise<void> => {
      await refunds.stop(signal)
      await client?.close(signal)
    }
    lifecycle.add({ name: 'refunds', start: () => refunds.start(), stop })
  }
  const cashier = new Cashier({ ledger, pending, clock, log, ...(provider && { provider }) })
  lifecycle.add({ name: 'cashier', start: () => cashier.start(), stop: () => cashier.stop() })
  return { key, cashier, provider }
}

/** The key where no setting names one: whoever has the admin token can make it too. */
function derivedSecret(adminToken: string): string {
  return createHmac('sha256', adminToken).update('spate payments v1').digest('hex')
}
