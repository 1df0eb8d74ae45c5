/**
 * Takes secrets and personal data out of texts before they leave: credentials, numbers that are most
 * likely payment cards, and client addresses beyond their network. A text without a suspicious
 * character costs one pass over it.
 *
 * What is not found here is held back by the list of allowed attribute names; this is the second net.
 */

/** Stands for a credential that was taken out. */
export const hidden = '***'
/** Stands for a number that was most likely a payment card. */
export const hiddenCard = '[card]'

/** `scheme credentials` as in an Authorization header; words of a sentence have no digit. */
const schemes = /\b(bearer|basic|digest|negotiate)\s+(?=\S*[\d=])[\w\-.~+/=]{6,}/giu
/** JSON Web Tokens and what looks like them. */
const webToken = /\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}/gu
/** `name=value`, `name: value` and `"name":"value"` with a name that says it is secret. */
const named =
  /((?:^|[^a-z])["']?(?:[a-z]{1,20}[_-])?(?:access[_-]?token|refresh[_-]?token|id[_-]?token|token|secret|password|passwd|pwd|passphrase|api[_-]?key|apikey|authorization|credential|cookie|session[_-]?id|signature|x-amz-signature|sig|cvv|cvc)["']?\s{0,3}(?:=|:|%3d)\s{0,3}["']?)[^\s&;,"'<>]{1,4096}/giu
const userInfo = /\b([a-z][a-z\d+.-]{1,20}:\/\/)[^\s/@]{1,256}@/giu
const cardLike = /(?<![\d.])[2-6]\d(?:[ -]?\d){11,17}(?![\d.]?\d)/gu
const dotted = /(?<![\d.])(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)/gu
const coloned = /(?<![\w:.])[\da-f:]{4,39}(?![\w:])/giu

/** Keys whose value is a secret whatever it looks like. */
const secretKey =
  /(?:^|[._-])(?:token|secret|password|passwd|authorization|cookie|api[_-]?key|credentials?)$/iu

/** True where what goes by the name `key` never leaves. */
export function isSecretKey(key: string): boolean {
  return secretKey.test(key)
}

/** What to leave in a text. */
export interface PrivacyOptions {
  /** Leave addresses whole. */
  readonly fullAddresses: boolean
}

/** `text` without secrets and personal data; `text` itself where there is nothing to take out. O(length). */
export function scrubbed(text: string, { fullAddresses }: PrivacyOptions): string {
  const marks = marksOf(text)
  if (marks === 0) return text
  let clean = text
  if ((marks & mayName) !== 0)
    clean = clean
      .replace(userInfo, `$1${hidden}@`)
      .replace(schemes, `$1 ${hidden}`)
      .replace(named, `$1${hidden}`)
  if ((marks & mayToken) !== 0) clean = clean.replace(webToken, hidden)
  if ((marks & mayCard) !== 0)
    clean = clean.replace(cardLike, (run) => (isCard(run) ? hiddenCard : run))
  if (fullAddresses) return clean
  if ((marks & mayDotted) !== 0)
    clean = clean.replace(dotted, (whole, a: string, b: string, c: string) =>
      isPublic(Number(a), Number(b)) ? `${a}.${b}.${c}.0` : whole,
    )
  if ((marks & mayColoned) !== 0) clean = clean.replace(coloned, networkOfV6)
  return clean
}

/** The network an address is in: /24 of IPv4, /48 of IPv6; `''` where it is no address. */
export function networkOf(address: string): string {
  const v4 = /^(?:::ffff:)?(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.\d{1,3}$/iu.exec(address)
  if (v4) return `${v4[1]}.${v4[2]}.${v4[3]}.0`
  const plain = address.split('%', 1)[0] as string
  const whole = plain.includes('::') || plain.split(':').length === 8
  return whole && /^[\da-f:]{2,39}$/iu.test(plain) ? networkOfV6(plain) : ''
}

const mayName = 1
const mayToken = 2
const mayCard = 4
const mayDotted = 8
const mayColoned = 16

/** What `text` may hide, found in one pass: most texts hide nothing. */
function marksOf(text: string): number {
  let digits = 0
  let dots = 0
  let colons = 0
  let joins = 0
  let upper = 0
  const { length } = text
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at)
    if (code >= 48 && code <= 57) digits++
    else if (code === 46) dots++
    else if (code === 58) colons++
    else if (code === 61 || code === 32 || code === 37 || code === 64) joins++
    else if (code === 74) upper++
  }
  let marks = 0
  if (joins + colons > 0) marks |= mayName
  if (upper > 0 && length >= 11) marks |= mayToken
  if (digits >= 13) marks |= mayCard
  if (dots >= 3 && digits >= 4) marks |= mayDotted
  if (colons >= 2) marks |= mayColoned
  return marks
}

/** True for 13 to 19 digits with the check digit of ISO/IEC 7812 (Luhn) and a card's length. */
function isCard(run: string): boolean {
  let sum = 0
  let count = 0
  for (let at = run.length - 1; at >= 0; at--) {
    const digit = run.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) continue
    const weighed = (count++ & 1) === 1 ? 2 * digit : digit
    sum += weighed > 9 ? weighed - 9 : weighed
  }
  if (count < 13 || count > 19 || sum % 10 !== 0) return false
  // Beyond 16 digits only UnionPay and Maestro are left, and ids of our own are that long too.
  return count <= 16 || /^(?:6|5[06-8])/u.test(run)
}

/** Loopback, link-local and private addresses name machines, not people. */
function isPublic(a: number, b: number): boolean {
  if (a === 0 || a === 10 || a === 127 || a > 255) return false
  if (a === 172 && b >= 16 && b <= 31) return false
  return !((a === 192 && b === 168) || (a === 169 && b === 254))
}

function networkOfV6(address: string): string {
  const [head = ''] = address.split('::', 1)
  const groups = head === '' ? [] : head.split(':')
  // Loopback, unspecified, unique local (fc00::/7) and link-local (fe80::/10) name machines.
  if (groups.length === 0 || /^(?:f[cd]|fe[89ab])/iu.test(address)) return address
  // A time of day has two colons too, and a word in hex letters may have one pair of them.
  const short = address.includes('::') && groups.length >= 2
  if (!short && groups.length !== 8) return address
  if (groups.some((group) => group === '' || group.length > 4)) return address
  return `${groups.slice(0, 3).join(':')}::`
}
