import Type, { type TSchema, type TUnsafe } from 'typebox'

/**
 * The wire types of the engine: what `POST /recommend` and its neighbours take and give. Nothing
 * here depends on anything but the schema library, so clients may import it.
 */

/** Limits of what callers may send; each is named in the refusal. */
export const wireLimits: {
  readonly idLengthMax: number
  readonly numItemsMax: number
  readonly listMax: number
  readonly eventsPerCallMax: number
  readonly attributesMax: number
  readonly warmupUsersMax: number
} = {
  idLengthMax: 200,
  numItemsMax: 200,
  listMax: 1000,
  eventsPerCallMax: 10_000,
  attributesMax: 64,
  warmupUsersMax: 100_000,
}

/** A schema whose values are `Value`; the two are written side by side below. */
const of = <Value>(schema: TSchema): TUnsafe<Value> => schema as unknown as TUnsafe<Value>

const id = (what: string): TSchema =>
  Type.String({ minLength: 1, maxLength: wireLimits.idLengthMax, description: what })
const ids = (what: string): TSchema =>
  Type.Array(id('an id'), { maxItems: wireLimits.listMax, description: what })
const text = (most: number): TSchema => Type.String({ maxLength: most })

/** Body of `POST /recommend`. */
export interface RecommendBody {
  readonly userId: string
  readonly numItems?: number
  readonly context?: Readonly<Record<string, string | number | boolean>>
  readonly candidates?: readonly string[]
  readonly exclude?: readonly string[]
  readonly filters?: {
    readonly categories?: readonly string[]
    readonly tags?: readonly string[]
    readonly priceMin?: number
    readonly priceMax?: number
    /** `exclude` (default): nothing the user had before; `include`: that too. */
    readonly seen?: 'exclude' | 'include'
  }
}

/** Schema of `RecommendBody`. */
export const recommendBody: TUnsafe<RecommendBody> = of(
  Type.Object({
    userId: id('the user to recommend to; one nobody has met is welcome'),
    numItems: Type.Optional(Type.Integer({ minimum: 1, maximum: wireLimits.numItemsMax })),
    context: Type.Optional(
      Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
    ),
    candidates: Type.Optional(ids('only these may be shown')),
    exclude: Type.Optional(ids('these may not be shown')),
    filters: Type.Optional(
      Type.Object({
        categories: Type.Optional(ids('at least one of these')),
        tags: Type.Optional(ids('at least one of these')),
        priceMin: Type.Optional(Type.Number({ minimum: 0 })),
        priceMax: Type.Optional(Type.Number({ minimum: 0 })),
        seen: Type.Optional(Type.Union([Type.Literal('exclude'), Type.Literal('include')])),
      }),
    ),
  }),
)

/** One event of `POST /recommend/events`. */
export interface EventBody {
  readonly eventId?: string
  readonly userId: string
  readonly itemId: string
  readonly type: string
  readonly weight?: number
  /** Ms since the Unix epoch, or ISO 8601; the time of arrival where absent. */
  readonly timestamp?: number | string
  readonly requestId?: string
}

/** Schema of `EventBody`. */
export const eventBody: TUnsafe<EventBody> = of(
  Type.Object({
    eventId: Type.Optional(id('the same id counts once; one is made where absent')),
    userId: id('who did it'),
    itemId: id('to what'),
    type: Type.String({ minLength: 1, maxLength: 40 }),
    weight: Type.Optional(Type.Number({ minimum: 0, maximum: 1000 })),
    timestamp: Type.Optional(Type.Union([Type.Number(), Type.String({ maxLength: 40 })])),
    requestId: Type.Optional(id('the answer that showed the item')),
  }),
)

/** Body of `PUT /recommend/items/{itemId}`, and of each line of `POST /recommend/items`. */
export interface ItemBody {
  readonly itemId?: string
  readonly title?: string
  readonly categories?: readonly string[]
  readonly tags?: readonly string[]
  readonly price?: number
  readonly stock?: number
  readonly hidden?: boolean
  readonly publishedAt?: number | string
  readonly vector?: readonly number[]
}

/** Schema of `ItemBody`. */
export const itemBody: TUnsafe<ItemBody> = of(
  Type.Object({
    itemId: Type.Optional(id('needed in NDJSON; in PUT it must equal the path')),
    title: Type.Optional(text(500)),
    categories: Type.Optional(Type.Array(text(200), { maxItems: 50 })),
    tags: Type.Optional(Type.Array(text(200), { maxItems: 100 })),
    price: Type.Optional(Type.Number({ minimum: 0, maximum: 1e12 })),
    stock: Type.Optional(Type.Integer({ minimum: 0, maximum: 1e12 })),
    hidden: Type.Optional(Type.Boolean()),
    publishedAt: Type.Optional(Type.Union([Type.Number(), Type.String({ maxLength: 40 })])),
    vector: Type.Optional(Type.Array(Type.Number(), { maxItems: 1024 })),
  }),
)

/** Body of `PUT /recommend/features/{userId}`. */
export interface FeaturesBody {
  readonly features: Readonly<Record<string, string | number | boolean>>
}

/** Schema of `FeaturesBody`. */
export const featuresBody: TUnsafe<FeaturesBody> = of(
  Type.Object({
    features: Type.Record(
      Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_.-]{0,63}$' }),
      Type.Union([text(200), Type.Number(), Type.Boolean()]),
      { maxProperties: wireLimits.attributesMax },
    ),
  }),
)

/** Answer of `GET` and `PUT /recommend/features/{userId}`. */
export interface FeaturesAnswer {
  readonly userId: string
  /** False for somebody nobody has met: these are the defaults. */
  readonly known: boolean
  /** The numbers of the user that models see now, by name, and what was said of the user. */
  readonly features: Readonly<Record<string, string | number | boolean>>
  readonly categories: readonly { readonly category: string; readonly share: number }[]
  readonly recent: readonly {
    readonly itemId: string
    readonly times: number
    readonly lastMs: number
  }[]
  /** `hit`, `miss`, `stale`: what the cache had. `failed`: the store gave no answer. */
  readonly cache: string
  readonly degraded?: readonly string[]
}

/** Body of `POST /recommend/features/warmup`. */
export interface WarmupBody {
  readonly userIds: readonly string[]
}

/** Schema of `WarmupBody`. */
export const warmupBody: TUnsafe<WarmupBody> = of(
  Type.Object({
    userIds: Type.Array(id('a user'), { minItems: 1, maxItems: wireLimits.warmupUsersMax }),
  }),
)

/** One item of an answer. */
export interface RecommendedItem {
  readonly itemId: string
  readonly score: number
  readonly reason: {
    readonly channel: string
    readonly text: string
    readonly evidence: Readonly<Record<string, unknown>>
  }
}

/** Answer of `POST /recommend`. */
export interface RecommendAnswer {
  readonly requestId: string
  /** Name and version of what ranked: `blend-3`. */
  readonly model: string
  readonly items: readonly RecommendedItem[]
  /** Channels and stages that are missing from this answer; absent where all took part. */
  readonly degraded?: readonly string[]
}

/** Answer of `POST /recommend/events`. */
export interface EventsAnswer {
  readonly accepted: number
  readonly duplicates: number
  readonly rejected: readonly {
    readonly index: number
    readonly code: string
    readonly message: string
  }[]
}
