import type { LogRecord, LogSink, LogValue } from './log.ts'

/**
 * Takes secrets and personal data out of records before they leave the terminal for a place where
 * others read them: a page, a file, a receiver. The terminal itself may show them once.
 */

/** Characters of a text that leaves. */
export const logTextMax = 4096
/** What stands where something was taken out. */
export const hiddenText = '[hidden]'

const secretName =
  /(^|[._-])(token|secret|password|passwd|pwd|authorization|cookie|api[._-]?key|private[._-]?key|credential)s?$|(Token|Secret|Password|ApiKey|Cookie)$/i
/** `Authorization` values, keys of known forms, user and password in a URL. */
const secretTexts: readonly (readonly [form: RegExp, instead: string])[] = [
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${hiddenText}`],
  [/\/\/[^\s/@:]+:[^\s/@]+@/g, `//${hiddenText}@`],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, hiddenText],
]
const longNumber = /\b\d(?:[ -]?\d){12,18}\b/g

/** A sink that hands on each record without secrets. */
export function privateSink(sink: LogSink): LogSink {
  return (record) => sink(withoutSecrets(record))
}

/** `record` without fields that are named like secrets, tokens in texts, and card numbers. O(characters). */
export function withoutSecrets(record: LogRecord): LogRecord {
  const fields: Record<string, LogValue> = {}
  for (const [name, value] of Object.entries(record.fields))
    fields[name] =
      value !== undefined && isSecretName(name)
        ? hiddenText
        : typeof value === 'string'
          ? withoutSecretText(value)
          : value
  return { ...record, message: withoutSecretText(record.message), fields }
}

/** True for the name of a field that holds a secret: `adminToken`, `db.password`. */
export function isSecretName(name: string): boolean {
  return secretName.test(name)
}

/** `text` without tokens, passwords in URLs and card numbers, cut to `logTextMax`. O(characters). */
export function withoutSecretText(text: string): string {
  let plain = text.length > logTextMax ? text.slice(0, logTextMax) : text
  for (const [form, instead] of secretTexts) plain = plain.replace(form, instead)
  return plain.replace(longNumber, (number) => (isCardNumber(number) ? hiddenText : number))
}

/** Luhn's check over 13 to 19 digits (ISO/IEC 7812-1). */
function isCardNumber(text: string): boolean {
  const digits = text.replaceAll(/\D/g, '')
  let sum = 0
  for (let at = 0; at < digits.length; at++) {
    let digit = Number(digits[digits.length - 1 - at])
    if (at % 2 === 1 && (digit *= 2) > 9) digit -= 9
    sum += digit
  }
  return sum % 10 === 0
}
