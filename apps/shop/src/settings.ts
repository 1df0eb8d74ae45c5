import { listenSettings, type ListenSettings } from '@spate/http/settings'
import { duration, integer, text, toggle, url, type TableOf } from '@spate/runtime/settings'

/** Settings of the demo shop. */
export interface ShopSettings extends ListenSettings {
  readonly seckillUrl: string
  readonly recommendUrl: string
  readonly shopSeed: number
  readonly productsPerForm: number
  readonly pageFreshMs: number
  readonly liveFreshMs: number
  readonly upstreamTimeoutMs: number
  readonly orderTimeoutMs: number
  readonly paymentSecret: string | undefined
  readonly demoSale: boolean
  readonly demoShoppers: number
}

/** The shop's table of settings. */
export const shopSettings: TableOf<ShopSettings> = {
  ...listenSettings(8083),
  seckillUrl: url('http://127.0.0.1:8081', 'Where the flash sale answers'),
  recommendUrl: url('http://127.0.0.1:8082', 'Where recommendations come from'),
  shopSeed: integer(7, 0, 4_294_967_295, 'Seed of the catalogue: another seed is another shop'),
  productsPerForm: integer(5, 5, 16, 'Products of each of the 48 kinds of things'),
  pageFreshMs: duration(60_000, 0, 86_400_000, 'How long shared caches may keep a page'),
  liveFreshMs: duration(
    1000,
    1000,
    60_000,
    'How old the live stock may be; one origin call in this time',
  ),
  upstreamTimeoutMs: duration(250, 10, 10_000, 'Deadline of parts a page can do without'),
  orderTimeoutMs: duration(5000, 100, 60_000, 'Deadline of orders and payments'),
  paymentSecret: text(
    undefined,
    "Key of the simulated provider's webhooks: the flash sale's own; made from the admin token where unset",
    { secret: true },
  ),
  demoSale: toggle(true, 'Open two flash sales at start'),
  demoShoppers: integer(60, 0, 2000, 'Made-up shoppers whose visits are told to recommend, once'),
}
