/** One kind of thing as a row: texts in English and Chinese, prices in yuan, lists with spaces. */
export type FormRow = readonly [
  id: string,
  en: string,
  zh: string,
  low: number,
  high: number,
  materials: string,
  useEn: string,
  useZh: string,
  tags: string,
]
